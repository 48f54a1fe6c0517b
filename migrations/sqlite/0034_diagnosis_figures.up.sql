-- What each result counts for in the figures of its model (diagnosis/figures.h). It tells of no person, and outlives
-- the film.
create table diagnosis_figures (
    model_id integer not null references models(id) on delete cascade,
    finished_at integer not null,
    diagnosis_id integer not null,
    study_id integer,
    is_shadow integer not null,
    is_alarm integer,
    score real,
    wait_us integer not null,
    run_us integer not null,
    histogram text,
    verdict text,
    is_agreed integer,
    is_seen integer,
    primary key (model_id, finished_at, diagnosis_id)
) without rowid;
create unique index uq_diagnosis_figures on diagnosis_figures(diagnosis_id);

-- What the last reader decided, beside the reviews themselves.
alter table diagnoses add column verdict text;
