-- Models that another server runs: what it says of them (diagnosis/model.h).
alter table models add column metadata mediumtext;
alter table models add column remote_binary tinyint not null default 0;
