drop table hl7_messages;
drop table study_orders;
