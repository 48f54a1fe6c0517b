-- People, what they may do, and where they are signed in. Times are microseconds since 1970, UTC.
create table users (
    id bigint not null auto_increment primary key,
    username varchar(50) not null collate utf8mb4_general_ci,
    email varchar(254) not null collate utf8mb4_general_ci,
    full_name varchar(100) not null,
    password_hash varchar(100) not null,
    phone varchar(32),
    department varchar(100),
    title varchar(100),
    status varchar(16) not null default 'ACTIVE',
    must_change_password tinyint not null default 0,
    last_login_at bigint,
    password_changed_at bigint,
    created_at bigint not null,
    updated_at bigint not null,
    deleted_at bigint,
    deleted_by bigint,
    is_deleted tinyint as (deleted_at is not null) virtual,
    alive tinyint as (if(deleted_at is null, 1, null)) virtual,
    constraint fk_users_deleted_by foreign key (deleted_by) references users(id)
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
create unique index uq_users_username on users(username, alive);
create unique index uq_users_email on users(email, alive);
create index ix_users_created on users(is_deleted, created_at, id);
create index ix_users_deleted_by on users(deleted_by);

create table roles (
    id bigint not null auto_increment primary key,
    name varchar(100) not null,
    description varchar(500) not null,
    created_at bigint not null
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
create unique index uq_roles_name on roles(name);

create table permissions (
    id bigint not null auto_increment primary key,
    name varchar(100) not null,
    description varchar(500) not null
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
create unique index uq_permissions_name on permissions(name);

create table role_permissions (
    role_id bigint not null,
    permission_id bigint not null,
    primary key (role_id, permission_id),
    constraint fk_role_permissions_role_id foreign key (role_id) references roles(id),
    constraint fk_role_permissions_permission_id foreign key (permission_id) references permissions(id)
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
create index ix_role_permissions_permission on role_permissions(permission_id);

create table user_roles (
    user_id bigint not null,
    role_id bigint not null,
    primary key (user_id, role_id),
    constraint fk_user_roles_user_id foreign key (user_id) references users(id),
    constraint fk_user_roles_role_id foreign key (role_id) references roles(id)
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
create index ix_user_roles_role on user_roles(role_id);

-- A session is a family of refresh tokens: each use of one makes the next, and a second use of one ends the family.
create table sessions (
    id bigint not null auto_increment primary key,
    session_uuid varchar(36) not null,
    user_id bigint not null,
    client varchar(64),
    user_agent varchar(300),
    remember_me tinyint not null default 0,
    created_at bigint not null,
    last_used_at bigint not null,
    expires_at bigint not null,
    revoked_at bigint,
    revoked_reason varchar(32),
    constraint fk_sessions_user_id foreign key (user_id) references users(id)
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
create unique index uq_sessions_session_uuid on sessions(session_uuid);
create index ix_sessions_user on sessions(user_id, revoked_at, expires_at);
create index ix_sessions_expires on sessions(expires_at);

create table refresh_tokens (
    token_hash varchar(64) primary key,
    session_id bigint not null,
    created_at bigint not null,
    used_at bigint,
    constraint fk_refresh_tokens_session_id foreign key (session_id) references sessions(id) on delete cascade
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
create index ix_refresh_tokens_session on refresh_tokens(session_id);

create table password_resets (
    token_hash varchar(64) primary key,
    user_id bigint not null,
    created_at bigint not null,
    expires_at bigint not null,
    used_at bigint,
    constraint fk_password_resets_user_id foreign key (user_id) references users(id)
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
create index ix_password_resets_user on password_resets(user_id);
create index ix_password_resets_expires on password_resets(expires_at);

-- Failed sign-ins by account and address (key_hash) and by account (user_key): keyed hashes, so that names of accounts that do not exist are not kept.
create table login_failures (
    key_hash varchar(64) primary key,
    user_key varchar(64) not null,
    failures bigint not null,
    last_at bigint not null,
    locked_until bigint
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
create index ix_login_failures_user on login_failures(user_key);
create index ix_login_failures_last on login_failures(last_at);

-- The first answer to a POST with an Idempotency-Key, for 24 hours.
create table idempotency_keys (
    user_id bigint not null,
    key_hash varchar(64) not null,
    request_hash varchar(64) not null,
    status int not null,
    body mediumtext not null,
    created_at bigint not null,
    primary key (user_id, key_hash),
    constraint fk_idempotency_keys_user_id foreign key (user_id) references users(id)
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
create index ix_idempotency_keys_created on idempotency_keys(created_at);
