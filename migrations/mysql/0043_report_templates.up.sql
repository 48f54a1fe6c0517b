-- Forms of reports with their versions, and the short texts of those who write them (reports/template.h, macro.h).
create table report_templates (
    id bigint not null auto_increment primary key,
    name varchar(64) not null,
    title_en varchar(200),
    title_zh varchar(200),
    scope varchar(16) not null,
    state varchar(16) not null,
    department varchar(100),
    owner_id bigint,
    languages text,
    modality text,
    body_part text,
    preference bigint not null,
    version bigint not null,
    shipped_revision bigint,
    name_key varchar(200),
    created_by bigint,
    created_at bigint not null,
    updated_at bigint not null,
    deleted_at bigint,
    constraint fk_report_templates_owner foreign key (owner_id) references users(id),
    constraint fk_report_templates_created_by foreign key (created_by) references users(id)
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
create unique index uq_report_templates_name_key on report_templates(name_key);
create index ix_report_templates_name on report_templates(name, id);
create index ix_report_templates_updated_at on report_templates(updated_at, id);
create table report_template_versions (
    id bigint not null auto_increment primary key,
    template_id bigint not null,
    version bigint not null,
    definition mediumtext not null,
    sha256 varchar(64) not null,
    shipped_revision bigint,
    reason varchar(500),
    created_by bigint,
    created_at bigint not null,
    constraint uq_report_template_versions unique (template_id, version),
    constraint fk_report_template_versions_template foreign key (template_id) references report_templates(id),
    constraint fk_report_template_versions_created_by foreign key (created_by) references users(id)
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
create table report_macros (
    id bigint not null auto_increment primary key,
    name varchar(64) not null,
    text text not null,
    modality varchar(16),
    body_part varchar(64),
    is_shared tinyint not null,
    owner_id bigint not null,
    created_at bigint not null,
    updated_at bigint not null,
    constraint uq_report_macros_name unique (owner_id, name),
    constraint fk_report_macros_owner foreign key (owner_id) references users(id)
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
create index ix_report_macros_order on report_macros(name, id);
create index ix_report_macros_updated_at on report_macros(updated_at, id);
