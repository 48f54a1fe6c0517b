-- Failed sign-ins are counted in memory. What is kept are locks of accounts, for administrators to see and for the next
-- start (network null: all that are not familiar), and the networks from which an account has been signed in to, which
-- locks by strangers do not concern.
drop table login_failures;
alter table users add column unlocked_at integer;

create table sign_in_locks (
    id integer primary key,
    user_id integer not null references users(id),
    network text,
    locked_at integer not null,
    locked_until integer not null
);
create index ix_sign_in_locks_user on sign_in_locks(user_id, locked_until);
create index ix_sign_in_locks_until on sign_in_locks(locked_until);

create table sign_in_networks (
    user_id integer not null references users(id),
    network text not null,
    last_at integer not null,
    primary key (user_id, network)
) without rowid;
insert into sign_in_networks(user_id, network, last_at)
select user_id, client, max(last_used_at) from sessions where client is not null and client not like '%:%'
    group by user_id, client;
