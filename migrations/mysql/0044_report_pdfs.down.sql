drop table report_pdfs;
