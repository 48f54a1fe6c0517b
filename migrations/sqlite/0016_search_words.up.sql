-- Words of the search tables: the version they were asked to be made by, and up to which record that is done; null: up
-- to the last.
create table search_rebuilds (
    name text primary key,
    version integer not null,
    done_id integer
) without rowid;
insert into search_rebuilds(name, version, done_id)
    values ('patients', 0, null), ('studies', 0, null), ('image_files', 0, null);

-- Patients whose studies have words that no longer say what the patient's record says, and up to which study that is
-- mended.
create table study_renewals (
    patient_id integer primary key references patients(id),
    done_id integer not null
);
