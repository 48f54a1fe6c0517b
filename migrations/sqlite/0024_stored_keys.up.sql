-- Of InnoDB alone: an index of SQLite is right with a virtual column in it. Nothing to do here.
select 1;
