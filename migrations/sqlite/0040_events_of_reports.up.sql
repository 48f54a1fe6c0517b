-- Events of reports (site/event.h).
alter table events add column report_id integer;
