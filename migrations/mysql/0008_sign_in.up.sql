-- Failed sign-ins are counted in memory. What is kept are locks of accounts, for administrators to see and for the next
-- start (network null: all that are not familiar), and the networks from which an account has been signed in to, which
-- locks by strangers do not concern.
drop table login_failures;
alter table users add column unlocked_at bigint;

create table sign_in_locks (
    id bigint not null auto_increment primary key,
    user_id bigint not null,
    network varchar(64),
    locked_at bigint not null,
    locked_until bigint not null,
    constraint fk_sign_in_locks_user_id foreign key (user_id) references users(id)
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
create index ix_sign_in_locks_user on sign_in_locks(user_id, locked_until);
create index ix_sign_in_locks_until on sign_in_locks(locked_until);

create table sign_in_networks (
    user_id bigint not null,
    network varchar(64) not null,
    last_at bigint not null,
    primary key (user_id, network),
    constraint fk_sign_in_networks_user_id foreign key (user_id) references users(id)
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
insert into sign_in_networks(user_id, network, last_at)
select user_id, client, max(last_used_at) from sessions where client is not null and client not like '%:%'
    group by user_id, client;
