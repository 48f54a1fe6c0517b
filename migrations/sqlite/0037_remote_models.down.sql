-- What such a model said stays; before this nobody can ask it.
update models set state = 'RETIRED' where metadata is not null;
alter table models drop column remote_binary;
alter table models drop column metadata;
