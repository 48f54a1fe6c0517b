-- Reports that somebody has asked for as one ZIP (reports/report_export.h): what of, and which file of the store it is.
create table report_exports (
    id bigint not null auto_increment primary key,
    asked_by bigint not null,
    status varchar(16) not null default 'QUEUED',
    status_reason varchar(1000),
    forms varchar(200) not null,
    page varchar(16) not null,
    report_ids mediumtext not null,
    version_ids mediumtext,
    report_count bigint not null,
    job_id bigint,
    files bigint,
    refused bigint,
    storage_path varchar(200),
    size_bytes bigint,
    sha256 char(64),
    created_at bigint not null,
    finished_at bigint,
    expires_at bigint,
    constraint fk_report_exports_asked_by foreign key (asked_by) references users(id)
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
create index ix_report_exports_asked_by on report_exports(asked_by, created_at, id);
create index ix_report_exports_expires on report_exports(expires_at, id);
create unique index uq_report_exports_storage_path on report_exports(storage_path);
