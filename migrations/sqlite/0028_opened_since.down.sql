alter table users drop column department_since;
alter table user_roles drop column created_at;
