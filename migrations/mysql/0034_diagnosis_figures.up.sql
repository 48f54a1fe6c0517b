-- What each result counts for in the figures of its model (diagnosis/figures.h). It tells of no person, and outlives
-- the film.
create table diagnosis_figures (
    model_id bigint not null,
    finished_at bigint not null,
    diagnosis_id bigint not null,
    study_id bigint,
    is_shadow tinyint not null,
    is_alarm tinyint,
    score double,
    wait_us bigint not null,
    run_us bigint not null,
    histogram varchar(400) character set ascii collate ascii_bin,
    verdict varchar(16),
    is_agreed tinyint,
    is_seen tinyint,
    primary key (model_id, finished_at, diagnosis_id),
    constraint fk_diagnosis_figures_model foreign key (model_id) references models(id) on delete cascade
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
create unique index uq_diagnosis_figures on diagnosis_figures(diagnosis_id);

-- What the last reader decided, beside the reviews themselves.
alter table diagnoses add column verdict varchar(16);
