-- Modalities in Study (PS3.3 C.38.2): that of the study and those of its series that hold something, in upper case,
-- with what lists of studies are ordered by, so that one modality's studies come in order. Kept by triggers.
create table study_modalities (
    study_id integer not null references studies(id) on delete cascade,
    modality text not null,
    is_deleted integer not null,
    created_at integer not null,
    sort_date text not null,
    primary key (study_id, modality)
) without rowid;
create index ix_study_modalities_created on study_modalities(modality, is_deleted, created_at, study_id);
create index ix_study_modalities_date on study_modalities(modality, is_deleted, sort_date, study_id);
drop index ix_studies_modality;
drop index ix_studies_modality_date;

insert into study_modalities(study_id, modality, is_deleted, created_at, sort_date)
select m.study_id, m.modality, s.is_deleted, s.created_at, s.sort_date from (
    select id as study_id, upper(modality) as modality from studies where modality is not null
    union select study_id, upper(modality) from series where modality is not null and number_of_instances > 0) m
join studies s on s.id = m.study_id;

create trigger studies_modalities_insert after insert on studies when new.modality is not null
begin
    insert into study_modalities(study_id, modality, is_deleted, created_at, sort_date)
    values (new.id, upper(new.modality), new.deleted_at is not null, new.created_at, coalesce(new.study_date,
        '0000-00-00'));
end;
create trigger studies_modalities_update after update of modality, modalities, study_date, deleted_at on studies
when old.modality is not new.modality or old.modalities is not new.modalities or old.study_date is not new.study_date
    or (old.deleted_at is null) <> (new.deleted_at is null)
begin
    delete from study_modalities where study_id = new.id;
    insert into study_modalities(study_id, modality, is_deleted, created_at, sort_date)
    select new.id, m.modality, new.deleted_at is not null, new.created_at, coalesce(new.study_date, '0000-00-00') from (
        select upper(new.modality) as modality where new.modality is not null
        union select upper(x.modality) from series x
            where x.study_id = new.id and x.number_of_instances > 0 and x.modality is not null) m;
end;
