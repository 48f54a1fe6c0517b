-- Work that waits (jobs/jobs.h). turn: priority and age, while it may be taken, which it has been since turn_at.
-- due_at: when somebody looks at it next, be it the end of a lease, of a pause, or the moment it was wanted for.
create table jobs (
    id integer primary key autoincrement,
    job_uuid text not null,
    kind text not null,
    state text not null,
    priority text not null,
    turn integer,
    turn_at integer,
    due_at integer,
    unique_key text,
    attempt integer not null default 0,
    attempts_max integer not null,
    is_cancelled integer not null default 0,
    payload text,
    result text,
    error text,
    worker text,
    progress_done integer not null default 0,
    progress_total integer not null default 0,
    progress_unit text,
    progress_text text,
    asked_by integer references users(id),
    parent_id integer,
    created_at integer not null,
    started_at integer,
    finished_at integer
);
create unique index uq_jobs_uuid on jobs(job_uuid);
create unique index uq_jobs_key on jobs(kind, unique_key)
where unique_key is not null and state in ('QUEUED', 'RUNNING');
create index ix_jobs_turn on jobs(kind, turn) where turn is not null;
create index ix_jobs_due on jobs(due_at) where due_at is not null;
create index ix_jobs_state on jobs(state, created_at, id);
create index ix_jobs_kind on jobs(kind, created_at, id);
create index ix_jobs_created on jobs(created_at, id);
create index ix_jobs_finished on jobs(finished_at) where finished_at is not null;
create index ix_jobs_asked_by on jobs(asked_by, created_at, id);
create index ix_jobs_parent on jobs(parent_id) where parent_id is not null;

-- Up to which moment each schedule has been looked at (jobs/schedule.h).
create table job_schedules (
    name text primary key,
    looked_at integer not null
);
