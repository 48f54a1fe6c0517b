-- Reports that somebody has asked for as one ZIP (reports/report_export.h): what of, and which file of the store it is.
create table report_exports (
    id integer primary key autoincrement,
    asked_by integer not null references users(id),
    status text not null default 'QUEUED',
    status_reason text,
    forms text not null,
    page text not null,
    report_ids text not null,
    version_ids text,
    report_count integer not null,
    job_id integer,
    files integer,
    refused integer,
    storage_path text,
    size_bytes integer,
    sha256 text,
    created_at integer not null,
    finished_at integer,
    expires_at integer
);
create index ix_report_exports_asked_by on report_exports(asked_by, created_at, id);
create index ix_report_exports_expires on report_exports(expires_at, id);
create unique index uq_report_exports_storage_path on report_exports(storage_path);
