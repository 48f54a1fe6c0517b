-- Which installation this database is of. Its stores carry the same, so that no server takes the files of another one
-- for its own (site/installation.h). One row, which the first start makes.
create table if not exists installation (
    id integer primary key,
    installation_uuid text not null,
    created_at integer not null
);
