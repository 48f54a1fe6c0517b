-- Where an index holds a virtual column, MariaDB's InnoDB may pass over a row after it was changed, until purge has
-- removed what the change left in the index. A stored column is read from the row as all others are.
--
-- A virtual column cannot be made a stored one: it goes, and comes back under its name in the same statement, so that
-- the indexes that name it keep their names and their order. Each statement makes one table anew, wholly or not at all,
-- and does no harm when it runs again: what was cut off may be begun again.
alter table users
    drop column is_deleted,
    drop column alive,
    drop column username_key,
    drop column email_key,
    add column is_deleted tinyint as (deleted_at is not null) stored,
    add column alive tinyint as (if(deleted_at is null, 1, null)) stored,
    add column username_key varchar(50) as (replace(replace(replace(replace(replace(replace(replace(replace(
        replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(
        replace(replace(replace(replace(replace(username, 'A', 'a'), 'B', 'b'), 'C', 'c'), 'D', 'd'),
        'E', 'e'), 'F', 'f'), 'G', 'g'), 'H', 'h'), 'I', 'i'), 'J', 'j'), 'K', 'k'), 'L', 'l'), 'M', 'm'),
        'N', 'n'), 'O', 'o'), 'P', 'p'), 'Q', 'q'), 'R', 'r'), 'S', 's'), 'T', 't'), 'U', 'u'), 'V', 'v'),
        'W', 'w'), 'X', 'x'), 'Y', 'y'), 'Z', 'z')) stored,
    add column email_key varchar(254) as (replace(replace(replace(replace(replace(replace(replace(replace(
        replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(
        replace(replace(replace(replace(replace(email, 'A', 'a'), 'B', 'b'), 'C', 'c'), 'D', 'd'), 'E', 'e'),
        'F', 'f'), 'G', 'g'), 'H', 'h'), 'I', 'i'), 'J', 'j'), 'K', 'k'), 'L', 'l'), 'M', 'm'), 'N', 'n'),
        'O', 'o'), 'P', 'p'), 'Q', 'q'), 'R', 'r'), 'S', 's'), 'T', 't'), 'U', 'u'), 'V', 'v'), 'W', 'w'),
        'X', 'x'), 'Y', 'y'), 'Z', 'z')) stored;
alter table patients
    drop column has_images,
    drop column is_deleted,
    drop column alive,
    drop column issuer_key,
    drop column has_conflict,
    add column has_images tinyint as (image_count > 0) stored,
    add column is_deleted tinyint as (deleted_at is not null) stored,
    add column alive tinyint as (if(deleted_at is null, 1, null)) stored,
    add column issuer_key varchar(64) as (coalesce(issuer_of_patient_id, '')) stored,
    add column has_conflict tinyint as (conflict is not null) stored;
alter table studies
    drop column is_deleted,
    drop column alive,
    drop column has_conflict,
    drop column sort_date,
    add column is_deleted tinyint as (deleted_at is not null) stored,
    add column alive tinyint as (if(deleted_at is null, 1, null)) stored,
    add column has_conflict tinyint as (conflict is not null) stored,
    add column sort_date varchar(10) as (coalesce(study_date, '0000-00-00')) stored;
alter table series
    drop column alive,
    drop column sort_number,
    add column alive tinyint as (if(deleted_at is null, 1, null)) stored,
    add column sort_number bigint as (coalesce(series_number, 2147483647)) stored;
alter table study_views
    drop column is_live,
    drop column sort_date,
    add column is_live tinyint as (files > 0) stored,
    add column sort_date varchar(10) as (coalesce(study_date, '0000-00-00')) stored;
alter table jobs
    drop column live_key,
    add column live_key varchar(190) as (if(state in ('QUEUED', 'RUNNING'), unique_key, null)) stored;
alter table image_files
    drop column is_deleted,
    drop column sort_number,
    drop column alive_instance,
    add column is_deleted tinyint as (deleted_at is not null) stored,
    add column sort_number bigint as (coalesce(instance_number, 2147483647)) stored,
    add column alive_instance tinyint as (if(deleted_at is null and is_instance = 1, 1, null)) stored;
