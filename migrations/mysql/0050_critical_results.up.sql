-- Findings that somebody has to be told of in time, and what became of them (reports/critical.h).
create table critical_results (
    id bigint not null auto_increment primary key,
    report_id bigint not null,
    version bigint not null,
    status varchar(16) not null,
    category varchar(16) not null,
    finding varchar(2000),
    found_at bigint not null,
    radiologist varchar(400) not null,
    due_at bigint not null,
    next_step_at bigint,
    steps bigint not null,
    receiver varchar(400),
    received_at bigint,
    method varchar(16),
    read_back tinyint not null,
    comment varchar(2000),
    marked_by bigint not null,
    marked_at bigint not null,
    closed_by bigint,
    closed_at bigint,
    reason varchar(2000),
    constraint fk_critical_results_report_id foreign key (report_id) references reports(id),
    constraint fk_critical_results_marked_by foreign key (marked_by) references users(id),
    constraint fk_critical_results_closed_by foreign key (closed_by) references users(id)
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
create index ix_critical_results_report on critical_results(report_id, due_at, id);
create index ix_critical_results_due on critical_results(due_at, id);
create index ix_critical_results_status on critical_results(status, due_at, id);
create index ix_critical_results_step on critical_results(next_step_at, id);
create index ix_critical_results_marked_by on critical_results(marked_by);
create index ix_critical_results_closed_by on critical_results(closed_by);
create table critical_result_events (
    id bigint not null auto_increment primary key,
    critical_result_id bigint not null,
    kind varchar(16) not null,
    step bigint not null,
    user_id bigint,
    text text,
    at bigint not null,
    constraint fk_critical_result_events_result foreign key (critical_result_id) references critical_results(id),
    constraint fk_critical_result_events_user_id foreign key (user_id) references users(id)
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
create unique index uq_critical_result_events on critical_result_events(critical_result_id, kind, step);
create index ix_critical_result_events_result on critical_result_events(critical_result_id, id);
create index ix_critical_result_events_user on critical_result_events(user_id);
