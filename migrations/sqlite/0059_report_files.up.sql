-- Documents that the server makes of signed reports (records/report_files.h): who sees the report sees them, and they
-- belong to an account of their own. What was stored before belonged to whoever had sent the film, or had signed.
alter table image_files add column is_report integer not null default 0;
create index ix_image_files_report on image_files(study_id) where is_report = 1;
create table report_owner (
    id integer not null primary key,
    user_id integer references users(id)
);
create index ix_report_owner_user on report_owner(user_id);
insert into report_owner(id) values (1);

create table report_files_before (
    id integer not null primary key,
    study_id integer not null,
    series_id integer,
    created_at integer not null
);
insert into report_files_before(id, study_id, series_id, created_at)
select distinct f.id, f.study_id, f.series_id, f.created_at from report_instances o join reports r on r.id = o.report_id
    join image_files f on f.study_id = r.study_id and f.sop_instance_uid = o.sop_instance_uid;
insert into users(username, email, full_name, password_hash, status, created_at, updated_at, deleted_at)
select '(reports)', '(reports)', 'Roentgen', '!', 'DISABLED', t.now, t.now, t.now
from (select cast(strftime('%s', 'now') as integer) * 1000000 as now) t
    where exists (select 1 from report_files_before);
update report_owner set user_id = (select max(u.id) from users u where u.username = '(reports)');
update series set created_by = (select o.user_id from report_owner o)
    where id in (select b.series_id from report_files_before b);
insert into study_views(id, created_by, created_at)
select b.study_id, o.user_id, min(b.created_at) from report_files_before b join report_owner o
    group by b.study_id, o.user_id;
update image_files set is_report = 1, is_apart = 0, uploaded_by = (select o.user_id from report_owner o)
    where id in (select b.id from report_files_before b);
drop table report_files_before;
