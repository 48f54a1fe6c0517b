-- The tables as they were, each wholly or not at all.
alter table users
    drop column is_deleted,
    drop column alive,
    drop column username_key,
    drop column email_key,
    add column is_deleted tinyint as (deleted_at is not null) virtual,
    add column alive tinyint as (if(deleted_at is null, 1, null)) virtual,
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
        'X', 'x'), 'Y', 'y'), 'Z', 'z')) virtual;
alter table patients
    drop column has_images,
    drop column is_deleted,
    drop column alive,
    drop column issuer_key,
    drop column has_conflict,
    add column has_images tinyint as (image_count > 0) virtual,
    add column is_deleted tinyint as (deleted_at is not null) virtual,
    add column alive tinyint as (if(deleted_at is null, 1, null)) virtual,
    add column issuer_key varchar(64) as (coalesce(issuer_of_patient_id, '')) virtual,
    add column has_conflict tinyint as (conflict is not null) virtual;
alter table studies
    drop column is_deleted,
    drop column alive,
    drop column has_conflict,
    drop column sort_date,
    add column is_deleted tinyint as (deleted_at is not null) virtual,
    add column alive tinyint as (if(deleted_at is null, 1, null)) virtual,
    add column has_conflict tinyint as (conflict is not null) virtual,
    add column sort_date varchar(10) as (coalesce(study_date, '0000-00-00')) virtual;
alter table series
    drop column alive,
    drop column sort_number,
    add column alive tinyint as (if(deleted_at is null, 1, null)) virtual,
    add column sort_number bigint as (coalesce(series_number, 2147483647)) virtual;
alter table study_views
    drop column is_live,
    drop column sort_date,
    add column is_live tinyint as (files > 0) virtual,
    add column sort_date varchar(10) as (coalesce(study_date, '0000-00-00')) virtual;
alter table jobs
    drop column live_key,
    add column live_key varchar(190) as (if(state in ('QUEUED', 'RUNNING'), unique_key, null)) virtual;
alter table image_files
    drop column is_deleted,
    drop column sort_number,
    drop column alive_instance,
    add column is_deleted tinyint as (deleted_at is not null) virtual,
    add column sort_number bigint as (coalesce(instance_number, 2147483647)) virtual,
    add column alive_instance tinyint as (if(deleted_at is null and is_instance = 1, 1, null)) virtual;
