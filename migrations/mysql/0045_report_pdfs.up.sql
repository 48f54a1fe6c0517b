-- Pages of reports as they were signed (reports/report_pdf.h): which file of the store they are.
create table report_pdfs (
    id bigint not null auto_increment primary key,
    report_id bigint not null,
    version bigint not null,
    page varchar(16) not null,
    storage_path varchar(200) not null,
    size_bytes bigint not null,
    sha256 char(64) not null,
    level varchar(8) not null,
    made_at bigint not null,
    constraint fk_report_pdfs_report_id foreign key (report_id) references reports(id)
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
create unique index uq_report_pdfs on report_pdfs(report_id, version, page);
create unique index uq_report_pdfs_storage_path on report_pdfs(storage_path);
