-- What was ordered and has no image is a study like any other to an older program.
update studies set status = 'OPEN' where status = 'SCHEDULED';
update studies set status = 'CLOSED' where status = 'CANCELLED';
drop table hl7_messages;
drop table study_orders;
