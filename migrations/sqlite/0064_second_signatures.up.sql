-- Keys of second signatures, by SM2, beside those that accounts sign with (reports/signing_key.h).
alter table signing_keys add column is_second integer not null default 0;
