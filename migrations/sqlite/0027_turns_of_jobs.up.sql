-- Of which kinds there are jobs in turn, and the first of each: steps in one index, which holds nothing else.
drop index ix_jobs_turn;
alter table jobs add column turn_kind text generated always as (case when turn is not null then kind end) virtual;
create index ix_jobs_turn on jobs(turn_kind, turn) where turn_kind is not null;
