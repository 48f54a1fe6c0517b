-- An id that was given once is not given again after its row has gone for good: access logs, links and notes outside go
-- on naming what they named. The word changes nothing of what is stored, so that the text of the schema may be changed
-- in place, which takes no time with a million files (https://sqlite.org/lang_altertable.html, 7); that an
-- AUTOINCREMENT table is made and dropped makes sqlite_sequence, and tells other connections.
create table ids_begin (id integer primary key autoincrement);
pragma writable_schema = on;
update sqlite_master set sql = replace(sql, 'id integer primary key,', 'id integer primary key autoincrement,')
    where type = 'table' and name in ('image_files', 'studies', 'series', 'sessions');
drop table ids_begin;
pragma writable_schema = reset;

-- The greatest that is known: of what is there, of what the audit rows name, and of a time when it was counted before.
create temp table ids_known as
    select 'image_files' as name, max(id) as id from image_files
    union all select 'image_files', last_file_id from scrub_position
    union all select 'studies', max(id) from studies
    union all select 'series', max(id) from series
    union all select 'sessions', max(id) from sessions
    union all select 'image_files', max(entity_id) from audit_logs where entity = 'image_file' and entity_id is not null
    union all select 'studies', max(entity_id) from audit_logs where entity = 'study' and entity_id is not null
    union all select 'series', max(entity_id) from audit_logs where entity = 'series' and entity_id is not null
    union all select 'sessions', max(entity_id) from audit_logs where entity = 'session' and entity_id is not null
    union all select name, seq from sqlite_sequence;
delete from sqlite_sequence;
insert into sqlite_sequence(name, seq) select name, max(id) from ids_known where id is not null group by name;
drop table ids_known;
