-- Keys of machines (people/api_key.h). One that was revoked stays, since the audit log names it.
create table api_keys (
    id integer primary key autoincrement,
    user_id integer not null references users(id),
    name text not null,
    prefix text not null,
    key_hash text not null,
    scopes text not null,
    networks text,
    created_at integer not null,
    expires_at integer not null,
    last_used_at integer,
    last_used_from text,
    revoked_at integer,
    revoked_by integer references users(id)
);
create unique index uq_api_keys_key_hash on api_keys(key_hash);
create index ix_api_keys_user on api_keys(user_id, revoked_at, created_at, id);
create index ix_api_keys_created on api_keys(revoked_at, created_at, id);
create index ix_api_keys_revoked_by on api_keys(revoked_by);
alter table audit_logs add column api_key_id integer;
