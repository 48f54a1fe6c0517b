-- Reports: one row each, one for each version and each step (reports/report.h).
create table reports (
    id integer primary key autoincrement,
    report_uuid text not null,
    study_id integer not null references studies(id),
    status text not null default 'DRAFT',
    status_reason text,
    version integer not null default 1,
    signed_version integer,
    signed_status text,
    priority text not null,
    author_id integer not null references users(id),
    submitted_by integer references users(id),
    reviewer_id integer references users(id),
    signer_id integer references users(id),
    editor_id integer references users(id),
    editing_until integer,
    created_at integer not null,
    updated_at integer not null,
    submitted_at integer,
    approved_at integer,
    signed_at integer
);
create unique index uq_reports_uuid on reports(report_uuid);
create index ix_reports_study on reports(study_id, created_at, id);
create index ix_reports_author on reports(author_id, created_at, id);
create index ix_reports_reviewer on reports(reviewer_id, created_at, id);
create index ix_reports_signer on reports(signer_id, created_at, id);
create index ix_reports_submitted_by on reports(submitted_by);
create index ix_reports_editor on reports(editor_id);
create index ix_reports_status on reports(status, created_at, id);
create index ix_reports_created on reports(created_at, id);

create table report_versions (
    id integer primary key autoincrement,
    report_id integer not null references reports(id),
    version integer not null,
    kind text not null,
    status text not null,
    replaces integer,
    title text,
    language text,
    template_id integer,
    template_version integer,
    sections text not null,
    fields text,
    key_images text,
    sources text,
    addenda text,
    content_sha256 text not null,
    reason text,
    author_id integer not null references users(id),
    created_by integer not null references users(id),
    created_at integer not null
);
create unique index uq_report_versions on report_versions(report_id, version);
create index ix_report_versions_author on report_versions(author_id);
create index ix_report_versions_created_by on report_versions(created_by);

create table report_steps (
    id integer primary key autoincrement,
    report_id integer not null references reports(id),
    version integer not null,
    action text,
    from_status text,
    to_status text not null,
    user_id integer not null references users(id),
    reason text,
    at integer not null
);
create index ix_report_steps_report on report_steps(report_id, id);
create index ix_report_steps_user on report_steps(user_id);
