-- What was stored of reports as DICOM (reports/report_dicom.h). stored_at null: on its way; sop_instance_uid null:
-- there is nothing of the kind.
create table report_instances (
    id bigint not null auto_increment primary key,
    report_id bigint not null,
    version bigint not null,
    kind varchar(16) not null,
    sop_instance_uid varchar(64),
    stored_at bigint,
    constraint fk_report_instances_report_id foreign key (report_id) references reports(id)
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
create unique index uq_report_instances on report_instances(report_id, version, kind);
create index ix_report_instances_uid on report_instances(sop_instance_uid);
