-- Modalities in Study (PS3.3 C.38.2): that of the study and those of its series that hold something, in upper case,
-- with what lists of studies are ordered by, so that one modality's studies come in order. Kept by triggers.
create table study_modalities (
    study_id bigint not null,
    modality varchar(64) not null,
    is_deleted tinyint not null,
    created_at bigint not null,
    sort_date varchar(10) not null,
    primary key (study_id, modality),
    constraint fk_study_modalities_study foreign key (study_id) references studies(id) on delete cascade
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
create index ix_study_modalities_created on study_modalities(modality, is_deleted, created_at, study_id);
create index ix_study_modalities_date on study_modalities(modality, is_deleted, sort_date, study_id);
drop index ix_studies_modality on studies;
drop index ix_studies_modality_date on studies;

insert into study_modalities(study_id, modality, is_deleted, created_at, sort_date)
select m.study_id, m.modality, s.is_deleted, s.created_at, s.sort_date from (
    select id as study_id, upper(modality) as modality from studies where modality is not null
    union select study_id, upper(modality) from series where modality is not null and number_of_instances > 0) m
join studies s on s.id = m.study_id;

create trigger studies_modalities_insert after insert on studies for each row
begin
    if new.modality is not null then
        insert into study_modalities(study_id, modality, is_deleted, created_at, sort_date)
        values (new.id, upper(new.modality), new.deleted_at is not null, new.created_at, coalesce(new.study_date,
            '0000-00-00'));
    end if;
end;
create trigger studies_modalities_update after update on studies for each row
begin
    if not (old.modality <=> new.modality and old.modalities <=> new.modalities and old.study_date <=> new.study_date
        and (old.deleted_at is null) = (new.deleted_at is null)) then
        delete from study_modalities where study_id = new.id;
        insert ignore into study_modalities(study_id, modality, is_deleted, created_at, sort_date)
        select new.id, upper(x.modality), new.deleted_at is not null, new.created_at, coalesce(new.study_date,
            '0000-00-00')
        from series x where x.study_id = new.id and x.number_of_instances > 0 and x.modality is not null;
        if new.modality is not null then
            insert ignore into study_modalities(study_id, modality, is_deleted, created_at, sort_date)
            values (new.id, upper(new.modality), new.deleted_at is not null, new.created_at, coalesce(new.study_date,
                '0000-00-00'));
        end if;
    end if;
end;
