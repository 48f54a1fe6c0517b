-- Forms of reports with their versions, and the short texts of those who write them (reports/template.h, macro.h).
create table report_templates (
    id integer primary key autoincrement,
    name text not null,
    title_en text,
    title_zh text,
    scope text not null,
    state text not null,
    department text,
    owner_id integer references users(id),
    languages text,
    modality text,
    body_part text,
    preference integer not null,
    version integer not null,
    shipped_revision integer,
    name_key text,
    created_by integer references users(id),
    created_at integer not null,
    updated_at integer not null,
    deleted_at integer
);
create unique index uq_report_templates_name_key on report_templates(name_key);
create index ix_report_templates_name on report_templates(name, id);
create index ix_report_templates_updated_at on report_templates(updated_at, id);
create index ix_report_templates_owner on report_templates(owner_id);
create index ix_report_templates_created_by on report_templates(created_by);
create table report_template_versions (
    id integer primary key autoincrement,
    template_id integer not null references report_templates(id),
    version integer not null,
    definition text not null,
    sha256 text not null,
    shipped_revision integer,
    reason text,
    created_by integer references users(id),
    created_at integer not null
);
create unique index uq_report_template_versions on report_template_versions(template_id, version);
create index ix_report_template_versions_created_by on report_template_versions(created_by);
create table report_macros (
    id integer primary key autoincrement,
    name text not null,
    text text not null,
    modality text,
    body_part text,
    is_shared integer not null,
    owner_id integer not null references users(id),
    created_at integer not null,
    updated_at integer not null
);
create unique index uq_report_macros_name on report_macros(owner_id, name);
create index ix_report_macros_order on report_macros(name, id);
create index ix_report_macros_updated_at on report_macros(updated_at, id);
