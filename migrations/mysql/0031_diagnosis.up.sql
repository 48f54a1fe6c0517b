-- Models, and what they were asked and said of images (diagnosis/model.h, diagnosis/diagnosis.h).
create table models (
    id bigint not null auto_increment primary key,
    model_uuid char(36) character set ascii collate ascii_bin not null,
    name varchar(100) not null,
    version varchar(50) not null,
    title varchar(400),
    state varchar(16) not null,
    task varchar(32) not null,
    digest char(64) character set ascii collate ascii_bin not null,
    storage_path varchar(255) character set ascii collate ascii_bin not null,
    size_bytes bigint not null,
    card mediumtext not null,
    research_only tinyint not null,
    trial text,
    created_by bigint,
    created_at bigint not null,
    updated_at bigint not null,
    activated_at bigint,
    retired_at bigint,
    constraint fk_models_created_by foreign key (created_by) references users(id)
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
create unique index uq_models_uuid on models(model_uuid);
create unique index uq_models_name on models(name, version);
create unique index uq_models_path on models(storage_path);
create index ix_models_state on models(state, activated_at, id);
create index ix_models_created on models(created_at, id);

-- maps: the grids of the answer (evidence, region), as diagnosis.c writes them.
create table diagnoses (
    id bigint not null auto_increment primary key,
    diagnosis_uuid char(36) character set ascii collate ascii_bin not null,
    image_file_id bigint not null,
    frame bigint not null,
    model_id bigint not null,
    model_name varchar(100) not null,
    model_version varchar(50) not null,
    model_digest char(64) character set ascii collate ascii_bin not null,
    research_only tinyint not null,
    status varchar(16) not null default 'QUEUED',
    status_reason varchar(1000),
    priority varchar(16) not null,
    findings mediumtext,
    gate text,
    maps mediumtext,
    input_sha256 char(64) character set ascii collate ascii_bin,
    preparation varchar(200),
    runtime varchar(100),
    run_us bigint,
    reviews mediumtext,
    job_id bigint,
    asked_by bigint,
    queued_at bigint not null,
    started_at bigint,
    finished_at bigint,
    constraint fk_diagnoses_image foreign key (image_file_id) references image_files(id) on delete cascade,
    constraint fk_diagnoses_model foreign key (model_id) references models(id),
    constraint fk_diagnoses_asked_by foreign key (asked_by) references users(id)
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
create unique index uq_diagnoses_uuid on diagnoses(diagnosis_uuid);
create index ix_diagnoses_image on diagnoses(image_file_id, queued_at, id);
create index ix_diagnoses_model on diagnoses(model_id, queued_at, id);
create index ix_diagnoses_asked on diagnoses(asked_by, queued_at, id);
create index ix_diagnoses_queued on diagnoses(queued_at, id);
