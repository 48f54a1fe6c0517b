-- Names and addresses are compared letter by letter but for the case of ASCII letters, on both databases alike.
-- utf8mb4_general_ci took letters with accents for those without, so that one could sign in by another's name. There is
-- no collation that knows the case of ASCII letters only, and lower() is that of Unicode.
alter table users
    modify username varchar(50) not null collate utf8mb4_bin,
    modify email varchar(254) not null collate utf8mb4_bin,
    add column username_key varchar(50) as (replace(replace(replace(replace(replace(replace(replace(replace(
        replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(
        replace(replace(replace(replace(replace(username, 'A', 'a'), 'B', 'b'), 'C', 'c'), 'D', 'd'),
        'E', 'e'), 'F', 'f'), 'G', 'g'), 'H', 'h'), 'I', 'i'), 'J', 'j'), 'K', 'k'), 'L', 'l'), 'M', 'm'),
        'N', 'n'), 'O', 'o'), 'P', 'p'), 'Q', 'q'), 'R', 'r'), 'S', 's'), 'T', 't'), 'U', 'u'), 'V', 'v'),
        'W', 'w'), 'X', 'x'), 'Y', 'y'), 'Z', 'z')) virtual,
    add column email_key varchar(254) as (replace(replace(replace(replace(replace(replace(replace(replace(
        replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(
        replace(replace(replace(replace(replace(email, 'A', 'a'), 'B', 'b'), 'C', 'c'), 'D', 'd'), 'E', 'e'),
        'F', 'f'), 'G', 'g'), 'H', 'h'), 'I', 'i'), 'J', 'j'), 'K', 'k'), 'L', 'l'), 'M', 'm'), 'N', 'n'),
        'O', 'o'), 'P', 'p'), 'Q', 'q'), 'R', 'r'), 'S', 's'), 'T', 't'), 'U', 'u'), 'V', 'v'), 'W', 'w'),
        'X', 'x'), 'Y', 'y'), 'Z', 'z')) virtual,
    drop index uq_users_username,
    drop index uq_users_email,
    add unique index uq_users_username (username_key, alive),
    add unique index uq_users_email (email_key, alive);
