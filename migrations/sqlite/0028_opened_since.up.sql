-- Since when an account has a role, and belongs to its department: what was deleted before a study was opened to it by
-- these is not for it to restore (records/visibility.h). Null: since before this was kept; of a department, since the
-- account was made.
alter table user_roles add column created_at integer;
alter table users add column department_since integer;
