-- By which REPORT_DUE a row's due_at was worked out (records/worklist.h): another one is worked out anew.
alter table worklist add column due_rule bigint not null default 0;
create index ix_worklist_due_rule on worklist(due_rule, id);
