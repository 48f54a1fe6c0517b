-- Who has taken a study to read that nobody has begun a report on, and until when it is theirs (reports/work.h).
alter table worklist add column holder_id integer;
alter table worklist add column held_until integer;
create index ix_worklist_holder on worklist(holder_id);
