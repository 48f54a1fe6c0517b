-- Reports: one row each, one for each version and each step (reports/report.h).
create table reports (
    id bigint not null auto_increment primary key,
    report_uuid char(36) character set ascii collate ascii_bin not null,
    study_id bigint not null,
    status varchar(32) not null default 'DRAFT',
    status_reason varchar(2000),
    version bigint not null default 1,
    signed_version bigint,
    signed_status varchar(32),
    priority varchar(32) not null,
    author_id bigint not null,
    submitted_by bigint,
    reviewer_id bigint,
    signer_id bigint,
    editor_id bigint,
    editing_until bigint,
    created_at bigint not null,
    updated_at bigint not null,
    submitted_at bigint,
    approved_at bigint,
    signed_at bigint,
    constraint fk_reports_study_id foreign key (study_id) references studies(id),
    constraint fk_reports_author_id foreign key (author_id) references users(id),
    constraint fk_reports_submitted_by foreign key (submitted_by) references users(id),
    constraint fk_reports_reviewer_id foreign key (reviewer_id) references users(id),
    constraint fk_reports_signer_id foreign key (signer_id) references users(id),
    constraint fk_reports_editor_id foreign key (editor_id) references users(id)
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
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
    id bigint not null auto_increment primary key,
    report_id bigint not null,
    version bigint not null,
    kind varchar(32) not null,
    status varchar(32) not null,
    replaces bigint,
    title varchar(400),
    language varchar(32),
    template_id bigint,
    template_version bigint,
    sections mediumtext not null,
    fields mediumtext,
    key_images mediumtext,
    sources mediumtext,
    addenda mediumtext,
    content_sha256 char(64) character set ascii collate ascii_bin not null,
    reason varchar(2000),
    author_id bigint not null,
    created_by bigint not null,
    created_at bigint not null,
    constraint fk_report_versions_report_id foreign key (report_id) references reports(id),
    constraint fk_report_versions_author_id foreign key (author_id) references users(id),
    constraint fk_report_versions_created_by foreign key (created_by) references users(id)
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
create unique index uq_report_versions on report_versions(report_id, version);
create index ix_report_versions_author on report_versions(author_id);
create index ix_report_versions_created_by on report_versions(created_by);

create table report_steps (
    id bigint not null auto_increment primary key,
    report_id bigint not null,
    version bigint not null,
    action varchar(32),
    from_status varchar(32),
    to_status varchar(32) not null,
    user_id bigint not null,
    reason varchar(2000),
    at bigint not null,
    constraint fk_report_steps_report_id foreign key (report_id) references reports(id),
    constraint fk_report_steps_user_id foreign key (user_id) references users(id)
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
create index ix_report_steps_report on report_steps(report_id, id);
create index ix_report_steps_user on report_steps(user_id);
