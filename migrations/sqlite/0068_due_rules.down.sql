drop index ix_worklist_due_rule;
alter table worklist drop column due_rule;
