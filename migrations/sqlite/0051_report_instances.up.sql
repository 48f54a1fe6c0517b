-- What was stored of reports as DICOM (reports/report_dicom.h). stored_at null: on its way; sop_instance_uid null:
-- there is nothing of the kind.
create table report_instances (
    id integer primary key autoincrement,
    report_id integer not null references reports(id),
    version integer not null,
    kind text not null,
    sop_instance_uid text,
    stored_at integer
);
create unique index uq_report_instances on report_instances(report_id, version, kind);
create index ix_report_instances_uid on report_instances(sop_instance_uid);
