-- What reports are found by (reports/report_find.h): words of the current version and of the one that readers are
-- shown, and codes of both. Those of reports that are there are made in the background (records/renewal.h).
create table report_search (
    id bigint not null primary key,
    grams mediumtext character set ascii collate ascii_bin not null,
    fulltext key ft_report_search (grams)
) engine=InnoDB;
create table report_face_search (
    id bigint not null primary key,
    grams mediumtext character set ascii collate ascii_bin not null,
    fulltext key ft_report_face_search (grams)
) engine=InnoDB;
insert into search_rebuilds(name, version, done_id) values ('reports', 0, null), ('report_faces', 0, null);
create table report_codes (
    report_id bigint not null,
    is_face tinyint not null,
    code varchar(220) not null,
    created_at bigint not null,
    primary key (report_id, is_face, code),
    constraint fk_report_codes_report_id foreign key (report_id) references reports(id)
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
create index ix_report_codes_code on report_codes(is_face, code, created_at, report_id);
