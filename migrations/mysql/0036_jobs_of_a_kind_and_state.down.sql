drop index ix_jobs_kind_state on jobs;
