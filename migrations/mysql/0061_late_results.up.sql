-- Results of models that came after a report was signed, and ask for an addendum (reports/late_result.h).
create table late_results (
    id bigint not null auto_increment primary key,
    report_id bigint not null,
    diagnosis_id bigint,
    signed_version bigint not null,
    cause varchar(16) not null,
    status varchar(16) not null,
    asked_at bigint not null,
    addressed_version bigint,
    closed_by bigint,
    closed_at bigint,
    reason varchar(2000),
    constraint fk_late_results_report_id foreign key (report_id) references reports(id),
    constraint fk_late_results_diagnosis foreign key (diagnosis_id) references diagnoses(id) on delete set null,
    constraint fk_late_results_closed_by foreign key (closed_by) references users(id)
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
create unique index uq_late_results on late_results(report_id, diagnosis_id);
create index ix_late_results_report on late_results(report_id, asked_at, id);
create index ix_late_results_diagnosis on late_results(diagnosis_id);
create index ix_late_results_status on late_results(status, asked_at, id);
create index ix_late_results_asked on late_results(asked_at, id);
create index ix_late_results_closed_by on late_results(closed_by);
