-- Results of models that came after a report was signed, and ask for an addendum (reports/late_result.h).
create table late_results (
    id integer primary key autoincrement,
    report_id integer not null references reports(id),
    diagnosis_id integer references diagnoses(id) on delete set null,
    signed_version integer not null,
    cause text not null,
    status text not null,
    asked_at integer not null,
    addressed_version integer,
    closed_by integer references users(id),
    closed_at integer,
    reason text
);
create unique index uq_late_results on late_results(report_id, diagnosis_id);
create index ix_late_results_report on late_results(report_id, asked_at, id);
create index ix_late_results_diagnosis on late_results(diagnosis_id);
create index ix_late_results_status on late_results(status, asked_at, id);
create index ix_late_results_asked on late_results(asked_at, id);
create index ix_late_results_closed_by on late_results(closed_by);
