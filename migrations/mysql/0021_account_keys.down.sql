-- At once, or not at all: where two accounts have come whose names the collation takes for one, the indexes of before
-- cannot be.
alter table users
    drop index uq_users_username,
    drop index uq_users_email,
    drop column username_key,
    drop column email_key,
    modify username varchar(50) not null collate utf8mb4_general_ci,
    modify email varchar(254) not null collate utf8mb4_general_ci,
    add unique index uq_users_username (username, alive),
    add unique index uq_users_email (email, alive);
