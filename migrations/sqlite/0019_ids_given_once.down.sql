-- What sqlite_sequence knows stays there, unread, for when it is counted again.
pragma writable_schema = on;
update sqlite_master set sql = replace(sql, 'id integer primary key autoincrement,', 'id integer primary key,')
    where type = 'table' and name in ('image_files', 'studies', 'series', 'sessions');
create table ids_end (id integer primary key);
drop table ids_end;
pragma writable_schema = reset;
