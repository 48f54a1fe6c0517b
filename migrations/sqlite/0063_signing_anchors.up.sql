-- Authorities by whose certificates keys were brought that sign (reports/signing_key.h): what was signed stays valid
-- when SIGNING_CERTIFICATES names them no more.
create table signing_anchors (
    id integer primary key autoincrement,
    sha256 text not null,
    certificate text not null,
    created_at integer not null
);
create unique index uq_signing_anchors_sha256 on signing_anchors(sha256);
