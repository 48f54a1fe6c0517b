-- Work that waits (jobs/jobs.h). turn: priority and age, while it may be taken, which it has been since turn_at.
-- due_at: when somebody looks at it next, be it the end of a lease, of a pause, or the moment it was wanted for.
create table jobs (
    id bigint not null auto_increment primary key,
    job_uuid char(36) character set ascii collate ascii_bin not null,
    kind varchar(64) not null,
    state varchar(16) not null,
    priority varchar(16) not null,
    turn bigint,
    turn_at bigint,
    due_at bigint,
    unique_key varchar(190),
    live_key varchar(190) as (if(state in ('QUEUED', 'RUNNING'), unique_key, null)) virtual,
    attempt int not null default 0,
    attempts_max int not null,
    is_cancelled tinyint not null default 0,
    payload mediumtext,
    result mediumtext,
    error text,
    worker varchar(100),
    progress_done bigint not null default 0,
    progress_total bigint not null default 0,
    progress_unit varchar(32),
    progress_text varchar(400),
    asked_by bigint,
    parent_id bigint,
    created_at bigint not null,
    started_at bigint,
    finished_at bigint,
    constraint fk_jobs_asked_by foreign key (asked_by) references users(id)
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
create unique index uq_jobs_uuid on jobs(job_uuid);
create unique index uq_jobs_key on jobs(kind, live_key);
create index ix_jobs_turn on jobs(kind, turn);
create index ix_jobs_due on jobs(due_at);
create index ix_jobs_state on jobs(state, created_at, id);
create index ix_jobs_kind on jobs(kind, created_at, id);
create index ix_jobs_created on jobs(created_at, id);
create index ix_jobs_finished on jobs(finished_at);
create index ix_jobs_asked_by on jobs(asked_by, created_at, id);
create index ix_jobs_parent on jobs(parent_id);

-- Up to which moment each schedule has been looked at (jobs/schedule.h).
create table job_schedules (
    name varchar(64) not null primary key,
    looked_at bigint not null
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
