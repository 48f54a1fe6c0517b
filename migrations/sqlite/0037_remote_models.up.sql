-- Models that another server runs: what it says of them (diagnosis/model.h).
alter table models add column metadata text;
alter table models add column remote_binary integer not null default 0;
