-- Jobs of one kind that stand in one way, however many there are of either (GET /system/jobs?kind=&state=).
create index ix_jobs_kind_state on jobs(kind, state, created_at, id);
