-- Signatures of reports (reports/report_sign.h) and the keys they are made with (reports/signing_key.h).
create table signing_authority_lock (
    id bigint not null primary key
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
insert into signing_authority_lock(id) values (1);
create table signing_authority (
    id bigint not null primary key,
    certificate text not null,
    sealed_key text not null,
    created_at bigint not null
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
create table signing_keys (
    id bigint not null auto_increment primary key,
    user_id bigint not null,
    serial varchar(64) not null,
    certificate text not null,
    sealed_key text not null,
    created_at bigint not null,
    expires_at bigint not null,
    revoked_at bigint,
    revoked_reason varchar(64),
    constraint fk_signing_keys_user_id foreign key (user_id) references users(id)
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
create index ix_signing_keys_user on signing_keys(user_id, id);
create index ix_signing_keys_revoked on signing_keys(revoked_at);
create table report_signatures (
    id bigint not null auto_increment primary key,
    report_id bigint not null,
    version bigint not null,
    user_id bigint not null,
    key_id bigint not null,
    meaning varchar(16) not null,
    signer_name varchar(400) not null,
    signed_at bigint not null,
    envelope mediumtext not null,
    constraint fk_report_signatures_report_id foreign key (report_id) references reports(id),
    constraint fk_report_signatures_user_id foreign key (user_id) references users(id),
    constraint fk_report_signatures_key_id foreign key (key_id) references signing_keys(id)
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
create unique index uq_report_signatures on report_signatures(report_id, version);
create index ix_report_signatures_user on report_signatures(user_id);
create index ix_report_signatures_key on report_signatures(key_id);
