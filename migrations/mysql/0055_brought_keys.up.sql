-- Keys that their owners have brought (reports/signing_key.h) stand beside those that were made here.
alter table signing_keys add column origin varchar(16) not null default 'MADE';
