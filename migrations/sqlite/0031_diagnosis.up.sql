-- Models, and what they were asked and said of images (diagnosis/model.h, diagnosis/diagnosis.h).
create table models (
    id integer primary key autoincrement,
    model_uuid text not null,
    name text not null,
    version text not null,
    title text,
    state text not null,
    task text not null,
    digest text not null,
    storage_path text not null,
    size_bytes integer not null,
    card text not null,
    research_only integer not null,
    trial text,
    created_by integer references users(id),
    created_at integer not null,
    updated_at integer not null,
    activated_at integer,
    retired_at integer
);
create unique index uq_models_uuid on models(model_uuid);
create unique index uq_models_name on models(name, version);
create unique index uq_models_path on models(storage_path);
create index ix_models_state on models(state, activated_at, id);
create index ix_models_created on models(created_at, id);

-- maps: the grids of the answer (evidence, region), as diagnosis.c writes them.
create table diagnoses (
    id integer primary key autoincrement,
    diagnosis_uuid text not null,
    image_file_id integer not null references image_files(id) on delete cascade,
    frame integer not null,
    model_id integer not null references models(id),
    model_name text not null,
    model_version text not null,
    model_digest text not null,
    research_only integer not null,
    status text not null default 'QUEUED',
    status_reason text,
    priority text not null,
    findings text,
    gate text,
    maps text,
    input_sha256 text,
    preparation text,
    runtime text,
    run_us integer,
    reviews text,
    job_id integer,
    asked_by integer references users(id),
    queued_at integer not null,
    started_at integer,
    finished_at integer
);
create unique index uq_diagnoses_uuid on diagnoses(diagnosis_uuid);
create index ix_diagnoses_image on diagnoses(image_file_id, queued_at, id);
create index ix_diagnoses_model on diagnoses(model_id, queued_at, id);
create index ix_diagnoses_asked on diagnoses(asked_by, queued_at, id);
create index ix_diagnoses_queued on diagnoses(queued_at, id);
