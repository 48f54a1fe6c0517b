-- Signatures of reports (reports/report_sign.h) and the keys they are made with (reports/signing_key.h).
create table signing_authority_lock (
    id integer not null primary key
);
insert into signing_authority_lock(id) values (1);
create table signing_authority (
    id integer not null primary key,
    certificate text not null,
    sealed_key text not null,
    created_at integer not null
);
create table signing_keys (
    id integer primary key autoincrement,
    user_id integer not null references users(id),
    serial text not null,
    certificate text not null,
    sealed_key text not null,
    created_at integer not null,
    expires_at integer not null,
    revoked_at integer,
    revoked_reason text
);
create index ix_signing_keys_user on signing_keys(user_id, id);
create index ix_signing_keys_revoked on signing_keys(revoked_at);
create table report_signatures (
    id integer primary key autoincrement,
    report_id integer not null references reports(id),
    version integer not null,
    user_id integer not null references users(id),
    key_id integer not null references signing_keys(id),
    meaning text not null,
    signer_name text not null,
    signed_at integer not null,
    envelope text not null
);
create unique index uq_report_signatures on report_signatures(report_id, version);
create index ix_report_signatures_user on report_signatures(user_id);
create index ix_report_signatures_key on report_signatures(key_id);
