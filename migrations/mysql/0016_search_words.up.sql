-- Words of the search tables: the version they were asked to be made by, and up to which record that is done; null: up
-- to the last.
create table search_rebuilds (
    name varchar(64) primary key,
    version bigint not null,
    done_id bigint
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
insert into search_rebuilds(name, version, done_id)
    values ('patients', 0, null), ('studies', 0, null), ('image_files', 0, null);

-- Patients whose studies have words that no longer say what the patient's record says, and up to which study that is
-- mended.
create table study_renewals (
    patient_id bigint not null primary key,
    done_id bigint not null,
    constraint fk_study_renewals_patient_id foreign key (patient_id) references patients(id)
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
