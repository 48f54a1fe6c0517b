drop table sign_in_networks;
drop table sign_in_locks;
alter table users drop column unlocked_at;
-- Failed sign-ins by account and address (key_hash) and by account (user_key): keyed hashes, so that names of accounts
-- that do not exist are not kept.
create table login_failures (
    key_hash text primary key,
    user_key text not null,
    failures integer not null,
    last_at integer not null,
    locked_until integer
) without rowid;
create index ix_login_failures_user on login_failures(user_key);
create index ix_login_failures_last on login_failures(last_at);
