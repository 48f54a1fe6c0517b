drop index ix_worklist_due_rule on worklist;
alter table worklist drop column due_rule;
