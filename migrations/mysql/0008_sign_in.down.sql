drop table sign_in_networks;
drop table sign_in_locks;
alter table users drop column unlocked_at;
-- Failed sign-ins by account and address (key_hash) and by account (user_key): keyed hashes, so that names of accounts
-- that do not exist are not kept.
create table login_failures (
    key_hash varchar(64) primary key,
    user_key varchar(64) not null,
    failures bigint not null,
    last_at bigint not null,
    locked_until bigint
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
create index ix_login_failures_user on login_failures(user_key);
create index ix_login_failures_last on login_failures(last_at);
