-- Names and addresses are compared letter by letter but for the case of ASCII letters, on both databases alike.
-- lower() of SQLite is that of ASCII (https://sqlite.org/lang_corefunc.html).
alter table users add column username_key text generated always as (lower(username)) virtual;
alter table users add column email_key text generated always as (lower(email)) virtual;
drop index uq_users_username;
drop index uq_users_email;
create unique index uq_users_username on users(username_key) where deleted_at is null;
create unique index uq_users_email on users(email_key) where deleted_at is null;
