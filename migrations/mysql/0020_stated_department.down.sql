update users set department = stated_department where status = 'PENDING' and department is null;
alter table users drop column stated_department;
