-- Keys of machines (people/api_key.h). One that was revoked stays, since the audit log names it.
create table api_keys (
    id bigint not null auto_increment primary key,
    user_id bigint not null,
    name varchar(100) not null,
    prefix varchar(16) not null,
    key_hash varchar(64) not null,
    scopes text not null,
    networks text,
    created_at bigint not null,
    expires_at bigint not null,
    last_used_at bigint,
    last_used_from varchar(64),
    revoked_at bigint,
    revoked_by bigint,
    constraint fk_api_keys_user_id foreign key (user_id) references users(id),
    constraint fk_api_keys_revoked_by foreign key (revoked_by) references users(id)
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
create unique index uq_api_keys_key_hash on api_keys(key_hash);
create index ix_api_keys_user on api_keys(user_id, revoked_at, created_at, id);
create index ix_api_keys_created on api_keys(revoked_at, created_at, id);
create index ix_api_keys_revoked_by on api_keys(revoked_by);
alter table audit_logs add column api_key_id bigint;
