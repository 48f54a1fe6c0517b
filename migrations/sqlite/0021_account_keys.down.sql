drop index uq_users_username;
drop index uq_users_email;
create unique index uq_users_username on users(username) where deleted_at is null;
create unique index uq_users_email on users(email) where deleted_at is null;
alter table users drop column username_key;
alter table users drop column email_key;
