-- Authorities by whose certificates keys were brought that sign (reports/signing_key.h): what was signed stays valid
-- when SIGNING_CERTIFICATES names them no more.
create table signing_anchors (
    id bigint not null auto_increment primary key,
    sha256 varchar(64) not null,
    certificate text not null,
    created_at bigint not null
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
create unique index uq_signing_anchors_sha256 on signing_anchors(sha256);
