-- Pages of reports as they were signed (reports/report_pdf.h): which file of the store they are.
create table report_pdfs (
    id integer primary key autoincrement,
    report_id integer not null references reports(id),
    version integer not null,
    page text not null,
    storage_path text not null,
    size_bytes integer not null,
    sha256 text not null,
    level text not null,
    made_at integer not null
);
create unique index uq_report_pdfs on report_pdfs(report_id, version, page);
create unique index uq_report_pdfs_storage_path on report_pdfs(storage_path);
