-- What somebody who registers says of the own department: studies are opened to departments, so that it becomes
-- users.department only when somebody who manages accounts says so. Accounts that wait for approval have said it
-- themselves.
alter table users add column stated_department text;
update users set stated_department = department, department = null where status = 'PENDING' and department is not null;
