drop table report_exports;
