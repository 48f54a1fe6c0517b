-- What user names look like (UTS #39): no two accounts that are there have names which look the same. Null: not
-- computed yet, or an account that was there before the one it looks like could be refused.
alter table users add column name_skeleton varchar(500) collate utf8mb4_bin;
create unique index uq_users_name_skeleton on users(name_skeleton, alive);
