alter table jobs
    drop index ix_jobs_turn,
    drop column turn_kind,
    add index ix_jobs_turn (kind, turn);
