-- Which installation this database is of. Its stores carry the same, so that no server takes the files of another one
-- for its own (site/installation.h). One row, which the first start makes.
create table if not exists installation (
    id bigint not null primary key,
    installation_uuid varchar(36) not null,
    created_at bigint not null
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
