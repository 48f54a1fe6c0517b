-- Findings that somebody has to be told of in time, and what became of them (reports/critical.h).
create table critical_results (
    id integer primary key autoincrement,
    report_id integer not null references reports(id),
    version integer not null,
    status text not null,
    category text not null,
    finding text,
    found_at integer not null,
    radiologist text not null,
    due_at integer not null,
    next_step_at integer,
    steps integer not null,
    receiver text,
    received_at integer,
    method text,
    read_back integer not null,
    comment text,
    marked_by integer not null references users(id),
    marked_at integer not null,
    closed_by integer references users(id),
    closed_at integer,
    reason text
);
create index ix_critical_results_report on critical_results(report_id, due_at, id);
create index ix_critical_results_due on critical_results(due_at, id);
create index ix_critical_results_status on critical_results(status, due_at, id);
create index ix_critical_results_step on critical_results(next_step_at, id);
create index ix_critical_results_marked_by on critical_results(marked_by);
create index ix_critical_results_closed_by on critical_results(closed_by);
create table critical_result_events (
    id integer primary key autoincrement,
    critical_result_id integer not null references critical_results(id),
    kind text not null,
    step integer not null,
    user_id integer references users(id),
    text text,
    at integer not null
);
create unique index uq_critical_result_events on critical_result_events(critical_result_id, kind, step);
create index ix_critical_result_events_result on critical_result_events(critical_result_id, id);
create index ix_critical_result_events_user on critical_result_events(user_id);
