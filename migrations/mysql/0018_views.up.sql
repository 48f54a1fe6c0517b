-- What an account sees of a study or series that somebody else registered and of which it does not see all: what its
-- own files said, as if it had registered it (records/study_view.h). files: how many of its own are in the study; kept
-- by triggers.
create table study_views (
    id bigint not null,
    created_by bigint not null,
    accession_number varchar(64),
    study_number varchar(64),
    study_date varchar(10),
    study_time varchar(15),
    modality varchar(16),
    body_part varchar(64),
    description text,
    referring_physician varchar(200),
    created_at bigint not null,
    files bigint not null default 0,
    is_live tinyint as (files > 0) virtual,
    sort_date varchar(10) as (coalesce(study_date, '0000-00-00')) virtual,
    primary key (created_by, id),
    constraint fk_study_views_id foreign key (id) references studies(id) on delete cascade,
    constraint fk_study_views_created_by foreign key (created_by) references users(id)
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
create index ix_study_views_id on study_views(id);
create index ix_study_views_created on study_views(created_by, is_live, created_at, id);
create index ix_study_views_date on study_views(created_by, is_live, sort_date, id);
create table series_views (
    id bigint not null,
    created_by bigint not null,
    series_number bigint,
    modality varchar(16),
    body_part varchar(64),
    description text,
    protocol_name varchar(64),
    laterality varchar(16),
    manufacturer varchar(64),
    institution_name varchar(64),
    created_at bigint not null,
    sort_number bigint as (coalesce(series_number, 2147483647)) virtual,
    primary key (id, created_by),
    constraint fk_series_views_id foreign key (id) references series(id) on delete cascade,
    constraint fk_series_views_created_by foreign key (created_by) references users(id)
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
create index ix_series_views_created_by on series_views(created_by);

-- Whose file made it: its words are that file's.
alter table series add column created_by bigint,
    add constraint fk_series_created_by foreign key (created_by) references users(id);
create index ix_series_created_by on series(created_by);
update series x join (select series_id, min(id) as first from image_files where series_id is not null
    group by series_id) m on m.series_id = x.id
    join image_files f on f.id = m.first set x.created_by = f.uploaded_by;

-- The instance for its uploader, who does not see the file that is the instance for everybody else.
alter table image_files add column is_apart tinyint not null default 0;
update image_files a join (
    select min(f.id) as id from image_files f
        join image_files i on i.series_id = f.series_id and i.sop_instance_uid = f.sop_instance_uid
        and i.is_instance = 1 and i.deleted_at is null and i.uploaded_by <> f.uploaded_by
    where f.is_instance = 0 and f.deleted_at is null and f.status_reason is null and f.status <> 'FAILED'
    group by f.series_id, f.sop_instance_uid, f.uploaded_by) m on m.id = a.id set a.is_apart = 1;

insert into study_views(id, created_by, study_date, modality, body_part, created_at, files)
select f.study_id, f.uploaded_by, f.study_date, f.modality, f.body_part, f.created_at, m.files from (
    select i.study_id, i.uploaded_by, min(i.id) as first, sum(i.deleted_at is null) as files from image_files i
    where i.study_id is not null group by i.study_id, i.uploaded_by) m
join image_files f on f.id = m.first join studies s on s.id = m.study_id and s.created_by <> m.uploaded_by;
insert into series_views(id, created_by, modality, body_part, created_at)
select f.series_id, f.uploaded_by, f.modality, f.body_part, f.created_at from (
    select i.series_id, i.uploaded_by, min(i.id) as first from image_files i
    where i.series_id is not null group by i.series_id, i.uploaded_by) m
join image_files f on f.id = m.first join series x on x.id = m.series_id and x.created_by <> m.uploaded_by;

create trigger image_files_views_insert after insert on image_files for each row
begin
    if new.deleted_at is null and new.study_id is not null then
        update study_views set files = files + 1 where id = new.study_id and created_by = new.uploaded_by;
    end if;
end;
create trigger image_files_views_update after update on image_files for each row
begin
    if not (new.uploaded_by <=> old.uploaded_by and new.study_id <=> old.study_id
        and (new.deleted_at is null) = (old.deleted_at is null)) then
        if old.deleted_at is null and old.study_id is not null then
            update study_views set files = files - 1 where id = old.study_id and created_by = old.uploaded_by;
        end if;
        if new.deleted_at is null and new.study_id is not null then
            update study_views set files = files + 1 where id = new.study_id and created_by = new.uploaded_by;
        end if;
    end if;
end;
create trigger image_files_views_delete after delete on image_files for each row
begin
    if old.deleted_at is null and old.study_id is not null then
        update study_views set files = files - 1 where id = old.study_id and created_by = old.uploaded_by;
    end if;
end;

-- Whose files say otherwise of a patient, in which study; and whose files of another patient named a study. Who sees
-- none of them is not told.
create table patient_conflicts (
    patient_id bigint not null,
    member varchar(32) not null,
    study_id bigint not null,
    uploaded_by bigint not null,
    primary key (patient_id, member, study_id, uploaded_by),
    constraint fk_patient_conflicts_patient_id foreign key (patient_id) references patients(id) on delete cascade,
    constraint fk_patient_conflicts_study_id foreign key (study_id) references studies(id) on delete cascade,
    constraint fk_patient_conflicts_uploaded_by foreign key (uploaded_by) references users(id)
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
create index ix_patient_conflicts_study on patient_conflicts(study_id);
create index ix_patient_conflicts_uploaded_by on patient_conflicts(uploaded_by);
insert into patient_conflicts(patient_id, member, study_id, uploaded_by)
select distinct f.patient_id, m.member, f.study_id, f.uploaded_by from patients p
    join image_files f on f.patient_id = p.id
join (select 'name' as member union select 'gender' union select 'birth_date') m
where p.conflict is not null and f.conflict is not null and f.study_id is not null
    and instr(f.conflict, concat(m.member, ': ')) > 0
    and instr(p.conflict, concat('"', m.member, '"')) > 0;
create table study_conflicts (
    study_id bigint not null,
    uploaded_by bigint not null,
    primary key (study_id, uploaded_by),
    constraint fk_study_conflicts_study_id foreign key (study_id) references studies(id) on delete cascade,
    constraint fk_study_conflicts_uploaded_by foreign key (uploaded_by) references users(id)
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
create index ix_study_conflicts_uploaded_by on study_conflicts(uploaded_by);
