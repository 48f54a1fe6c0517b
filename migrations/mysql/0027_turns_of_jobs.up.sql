-- Of which kinds there are jobs in turn, and the first of each: steps in one index, where the others stand apart.
alter table jobs
    add column turn_kind varchar(64) as (if(turn is null, null, kind)) stored,
    drop index ix_jobs_turn,
    add index ix_jobs_turn (turn_kind, turn);
