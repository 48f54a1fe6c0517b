-- Which procedure of an order a study is (records/study_order.h).
alter table study_orders add column requested_procedure_id varchar(64), add column study_uid varchar(64);
