-- People, what they may do, and where they are signed in. Times are microseconds since 1970, UTC.
create table users (
    id integer primary key,
    username text not null collate nocase,
    email text not null collate nocase,
    full_name text not null,
    password_hash text not null,
    phone text,
    department text,
    title text,
    status text not null default 'ACTIVE',
    must_change_password integer not null default 0,
    last_login_at integer,
    password_changed_at integer,
    created_at integer not null,
    updated_at integer not null,
    deleted_at integer,
    deleted_by integer references users(id),
    is_deleted integer generated always as (deleted_at is not null) virtual
);
create unique index uq_users_username on users(username) where deleted_at is null;
create unique index uq_users_email on users(email) where deleted_at is null;
create index ix_users_created on users(is_deleted, created_at, id);
create index ix_users_deleted_by on users(deleted_by);

create table roles (
    id integer primary key,
    name text not null,
    description text not null,
    created_at integer not null
);
create unique index uq_roles_name on roles(name);

create table permissions (
    id integer primary key,
    name text not null,
    description text not null
);
create unique index uq_permissions_name on permissions(name);

create table role_permissions (
    role_id integer not null references roles(id),
    permission_id integer not null references permissions(id),
    primary key (role_id, permission_id)
) without rowid;
create index ix_role_permissions_permission on role_permissions(permission_id);

create table user_roles (
    user_id integer not null references users(id),
    role_id integer not null references roles(id),
    primary key (user_id, role_id)
) without rowid;
create index ix_user_roles_role on user_roles(role_id);

-- A session is a family of refresh tokens: each use of one makes the next, and a second use of one ends the family.
create table sessions (
    id integer primary key,
    session_uuid text not null,
    user_id integer not null references users(id),
    client text,
    user_agent text,
    remember_me integer not null default 0,
    created_at integer not null,
    last_used_at integer not null,
    expires_at integer not null,
    revoked_at integer,
    revoked_reason text
);
create unique index uq_sessions_session_uuid on sessions(session_uuid);
create index ix_sessions_user on sessions(user_id, revoked_at, expires_at);
create index ix_sessions_expires on sessions(expires_at);

create table refresh_tokens (
    token_hash text primary key,
    session_id integer not null references sessions(id) on delete cascade,
    created_at integer not null,
    used_at integer
) without rowid;
create index ix_refresh_tokens_session on refresh_tokens(session_id);

create table password_resets (
    token_hash text primary key,
    user_id integer not null references users(id),
    created_at integer not null,
    expires_at integer not null,
    used_at integer
) without rowid;
create index ix_password_resets_user on password_resets(user_id);
create index ix_password_resets_expires on password_resets(expires_at);

-- Failed sign-ins by account and address (key_hash) and by account (user_key): keyed hashes, so that names of accounts that do not exist are not kept.
create table login_failures (
    key_hash text primary key,
    user_key text not null,
    failures integer not null,
    last_at integer not null,
    locked_until integer
) without rowid;
create index ix_login_failures_user on login_failures(user_key);
create index ix_login_failures_last on login_failures(last_at);

-- The first answer to a POST with an Idempotency-Key, for 24 hours.
create table idempotency_keys (
    user_id integer not null references users(id),
    key_hash text not null,
    request_hash text not null,
    status integer not null,
    body text not null,
    created_at integer not null,
    primary key (user_id, key_hash)
) without rowid;
create index ix_idempotency_keys_created on idempotency_keys(created_at);
