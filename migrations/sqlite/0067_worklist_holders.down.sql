drop index ix_worklist_holder;
alter table worklist drop column held_until;
alter table worklist drop column holder_id;
