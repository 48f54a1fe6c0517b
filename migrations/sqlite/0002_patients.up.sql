-- Patients, their studies and series. id_card, phone, email and address are sealed; the _hash columns find them exactly.
create table patients (
    id integer primary key,
    patient_id text not null,
    name text not null,
    name_en text,
    gender text not null default 'UNKNOWN',
    birth_date text,
    id_card text,
    id_card_hash text,
    phone text,
    phone_hash text,
    email text,
    address text,
    blood_type text,
    height_cm real,
    weight_kg real,
    allergies text,
    medical_history text,
    emergency_contact_name text,
    emergency_contact_phone text,
    insurance_number text,
    status text not null default 'ACTIVE',
    merged_into integer references patients(id),
    image_count integer not null default 0,
    has_images integer generated always as (image_count > 0) virtual,
    created_by integer not null references users(id),
    created_at integer not null,
    updated_at integer not null,
    deleted_at integer,
    deleted_by integer references users(id),
    is_deleted integer generated always as (deleted_at is not null) virtual
);
create unique index uq_patients_patient_id on patients(patient_id) where deleted_at is null;
create unique index uq_patients_id_card on patients(id_card_hash) where deleted_at is null;
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

create virtual table patient_search using fts5(grams, tokenize='ascii', columnsize=0);

create table studies (
    id integer primary key,
    study_uid text not null,
    patient_id integer not null references patients(id),
    accession_number text,
    study_date text,
    modality text,
    body_part text,
    description text,
    status text not null default 'OPEN',
    created_by integer not null references users(id),
    created_at integer not null,
    updated_at integer not null,
    deleted_at integer,
    deleted_by integer references users(id),
    is_deleted integer generated always as (deleted_at is not null) virtual
);
create unique index uq_studies_study_uid on studies(study_uid) where deleted_at is null;
create index ix_studies_patient on studies(patient_id, is_deleted, created_at, id);
create index ix_studies_created on studies(is_deleted, created_at, id);
create index ix_studies_created_by on studies(created_by);
create index ix_studies_deleted_by on studies(deleted_by);

create table series (
    id integer primary key,
    series_uid text not null,
    study_id integer not null references studies(id),
    series_number integer,
    modality text,
    body_part text,
    description text,
    created_at integer not null,
    updated_at integer not null,
    deleted_at integer,
    deleted_by integer references users(id)
);
create unique index uq_series_series_uid on series(series_uid) where deleted_at is null;
create index ix_series_study on series(study_id, series_number, id);
create index ix_series_deleted_by on series(deleted_by);

-- Whose study it is to read: opens its files to them.
create table study_assignments (
    study_id integer not null references studies(id),
    user_id integer not null references users(id),
    created_by integer not null references users(id),
    created_at integer not null,
    primary key (user_id, study_id)
) without rowid;
create index ix_study_assignments_study on study_assignments(study_id);
create index ix_study_assignments_created_by on study_assignments(created_by);

-- How many rows a list without filters has.
create table row_counts (
    name text primary key,
    n integer not null
) without rowid;
insert into row_counts(name, n) values ('patients', 0), ('studies', 0), ('series', 0), ('users', 0);

create trigger patients_count_insert after insert on patients when new.deleted_at is null
begin
    update row_counts set n = n + 1 where name = 'patients';
end;
create trigger patients_count_update after update of deleted_at on patients
when (new.deleted_at is null) <> (old.deleted_at is null)
begin
    update row_counts set n = n + (new.deleted_at is null) - (old.deleted_at is null) where name = 'patients';
end;
create trigger studies_count_insert after insert on studies when new.deleted_at is null
begin
    update row_counts set n = n + 1 where name = 'studies';
end;
create trigger studies_count_update after update of deleted_at on studies
when (new.deleted_at is null) <> (old.deleted_at is null)
begin
    update row_counts set n = n + (new.deleted_at is null) - (old.deleted_at is null) where name = 'studies';
end;
create trigger series_count_insert after insert on series when new.deleted_at is null
begin
    update row_counts set n = n + 1 where name = 'series';
end;
create trigger series_count_update after update of deleted_at on series
when (new.deleted_at is null) <> (old.deleted_at is null)
begin
    update row_counts set n = n + (new.deleted_at is null) - (old.deleted_at is null) where name = 'series';
end;
create trigger users_count_insert after insert on users when new.deleted_at is null
begin
    update row_counts set n = n + 1 where name = 'users';
end;
create trigger users_count_update after update of deleted_at on users
when (new.deleted_at is null) <> (old.deleted_at is null)
begin
    update row_counts set n = n + (new.deleted_at is null) - (old.deleted_at is null) where name = 'users';
end;
