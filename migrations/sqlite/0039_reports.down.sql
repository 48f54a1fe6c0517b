drop table report_steps;
drop table report_versions;
drop table reports;
