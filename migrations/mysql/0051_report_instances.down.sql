drop table report_instances;
