drop index uq_users_name_skeleton on users;
alter table users drop column name_skeleton;
