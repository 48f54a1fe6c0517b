-- What reports are found by (reports/report_find.h): words of the current version and of the one that readers are
-- shown, and codes of both. Those of reports that are there are made in the background (records/renewal.h).
create virtual table report_search using fts5(grams, tokenize='ascii', columnsize=0);
create virtual table report_face_search using fts5(grams, tokenize='ascii', columnsize=0);
insert into search_rebuilds(name, version, done_id) values ('reports', 0, null), ('report_faces', 0, null);
create table report_codes (
    report_id integer not null references reports(id),
    is_face integer not null,
    code text not null,
    created_at integer not null,
    primary key (report_id, is_face, code)
) without rowid;
create index ix_report_codes_code on report_codes(is_face, code, created_at, report_id);
