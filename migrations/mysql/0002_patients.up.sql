-- Patients, their studies and series. id_card, phone, email and address are sealed; the _hash columns find them exactly.
create table patients (
    id bigint not null auto_increment primary key,
    patient_id varchar(64) not null,
    name varchar(100) not null,
    name_en varchar(100),
    gender varchar(8) not null default 'UNKNOWN',
    birth_date varchar(10),
    id_card varchar(400),
    id_card_hash varchar(64),
    phone varchar(400),
    phone_hash varchar(64),
    email varchar(2000),
    address varchar(4000),
    blood_type varchar(4),
    height_cm double,
    weight_kg double,
    allergies text,
    medical_history text,
    emergency_contact_name varchar(100),
    emergency_contact_phone varchar(32),
    insurance_number varchar(64),
    status varchar(16) not null default 'ACTIVE',
    merged_into bigint,
    image_count bigint not null default 0,
    has_images tinyint as (image_count > 0) virtual,
    created_by bigint not null,
    created_at bigint not null,
    updated_at bigint not null,
    deleted_at bigint,
    deleted_by bigint,
    is_deleted tinyint as (deleted_at is not null) virtual,
    alive tinyint as (if(deleted_at is null, 1, null)) virtual,
    constraint fk_patients_merged_into foreign key (merged_into) references patients(id),
    constraint fk_patients_created_by foreign key (created_by) references users(id),
    constraint fk_patients_deleted_by foreign key (deleted_by) references users(id)
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
create unique index uq_patients_patient_id on patients(patient_id, alive);
create unique index uq_patients_id_card on patients(id_card_hash, alive);
create index ix_patients_phone on patients(phone_hash);
create index ix_patients_created on patients(is_deleted, created_at, id);
create index ix_patients_name on patients(is_deleted, name, id);
create index ix_patients_number on patients(is_deleted, patient_id, id);
create index ix_patients_gender on patients(is_deleted, gender, created_at, id);
create index ix_patients_status on patients(is_deleted, status, created_at, id);
create index ix_patients_birth on patients(is_deleted, birth_date, id);
create index ix_patients_images on patients(is_deleted, has_images, created_at, id);
create index ix_patients_created_by on patients(created_by);
create index ix_patients_deleted_by on patients(deleted_by);
create index ix_patients_merged on patients(merged_into);

create table patient_search (
    id bigint not null primary key,
    grams mediumtext character set ascii collate ascii_bin not null,
    fulltext key ft_patient_search (grams)
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;

create table studies (
    id bigint not null auto_increment primary key,
    study_uid varchar(64) not null,
    patient_id bigint not null,
    accession_number varchar(64),
    study_date varchar(10),
    modality varchar(16),
    body_part varchar(64),
    description varchar(2000),
    status varchar(16) not null default 'OPEN',
    created_by bigint not null,
    created_at bigint not null,
    updated_at bigint not null,
    deleted_at bigint,
    deleted_by bigint,
    is_deleted tinyint as (deleted_at is not null) virtual,
    alive tinyint as (if(deleted_at is null, 1, null)) virtual,
    constraint fk_studies_patient_id foreign key (patient_id) references patients(id),
    constraint fk_studies_created_by foreign key (created_by) references users(id),
    constraint fk_studies_deleted_by foreign key (deleted_by) references users(id)
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
create unique index uq_studies_study_uid on studies(study_uid, alive);
create index ix_studies_patient on studies(patient_id, is_deleted, created_at, id);
create index ix_studies_created on studies(is_deleted, created_at, id);
create index ix_studies_created_by on studies(created_by);
create index ix_studies_deleted_by on studies(deleted_by);

create table series (
    id bigint not null auto_increment primary key,
    series_uid varchar(64) not null,
    study_id bigint not null,
    series_number bigint,
    modality varchar(16),
    body_part varchar(64),
    description varchar(2000),
    created_at bigint not null,
    updated_at bigint not null,
    deleted_at bigint,
    deleted_by bigint,
    alive tinyint as (if(deleted_at is null, 1, null)) virtual,
    constraint fk_series_study_id foreign key (study_id) references studies(id),
    constraint fk_series_deleted_by foreign key (deleted_by) references users(id)
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
create unique index uq_series_series_uid on series(series_uid, alive);
create index ix_series_study on series(study_id, series_number, id);
create index ix_series_deleted_by on series(deleted_by);

-- Whose study it is to read: opens its files to them.
create table study_assignments (
    study_id bigint not null,
    user_id bigint not null,
    created_by bigint not null,
    created_at bigint not null,
    primary key (user_id, study_id),
    constraint fk_study_assignments_study_id foreign key (study_id) references studies(id),
    constraint fk_study_assignments_user_id foreign key (user_id) references users(id),
    constraint fk_study_assignments_created_by foreign key (created_by) references users(id)
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
create index ix_study_assignments_study on study_assignments(study_id);
create index ix_study_assignments_created_by on study_assignments(created_by);

-- How many rows a list without filters has.
create table row_counts (
    name varchar(100) primary key,
    n bigint not null
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
insert into row_counts(name, n) values ('patients', 0), ('studies', 0), ('series', 0), ('users', 0);

create trigger patients_count_insert after insert on patients for each row
begin
    if new.deleted_at is null then
        update row_counts set n = n + 1 where name = 'patients';
    end if;
end;
create trigger patients_count_update after update on patients for each row
begin
    if (new.deleted_at is null) <> (old.deleted_at is null) then
        update row_counts set n = n + (new.deleted_at is null) - (old.deleted_at is null) where name = 'patients';
    end if;
end;
create trigger studies_count_insert after insert on studies for each row
begin
    if new.deleted_at is null then
        update row_counts set n = n + 1 where name = 'studies';
    end if;
end;
create trigger studies_count_update after update on studies for each row
begin
    if (new.deleted_at is null) <> (old.deleted_at is null) then
        update row_counts set n = n + (new.deleted_at is null) - (old.deleted_at is null) where name = 'studies';
    end if;
end;
create trigger series_count_insert after insert on series for each row
begin
    if new.deleted_at is null then
        update row_counts set n = n + 1 where name = 'series';
    end if;
end;
create trigger series_count_update after update on series for each row
begin
    if (new.deleted_at is null) <> (old.deleted_at is null) then
        update row_counts set n = n + (new.deleted_at is null) - (old.deleted_at is null) where name = 'series';
    end if;
end;
create trigger users_count_insert after insert on users for each row
begin
    if new.deleted_at is null then
        update row_counts set n = n + 1 where name = 'users';
    end if;
end;
create trigger users_count_update after update on users for each row
begin
    if (new.deleted_at is null) <> (old.deleted_at is null) then
        update row_counts set n = n + (new.deleted_at is null) - (old.deleted_at is null) where name = 'users';
    end if;
end;
