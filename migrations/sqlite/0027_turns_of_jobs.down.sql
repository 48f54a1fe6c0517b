drop index ix_jobs_turn;
alter table jobs drop column turn_kind;
create index ix_jobs_turn on jobs(kind, turn) where turn is not null;
