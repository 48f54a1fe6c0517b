-- A rule names a model or a program (rule/rule.h).
create table diagnosis_rules_new (
    id integer primary key autoincrement,
    name text not null,
    position integer not null,
    is_enabled integer not null,
    modality text,
    body_part text,
    view text,
    station text,
    description_contains text,
    age_min integer,
    age_max integer,
    uploaded_by text,
    model_id integer references models(id),
    program text,
    priority text not null,
    expected_images integer,
    stops integer not null,
    created_by integer references users(id),
    created_at integer not null,
    updated_at integer not null
);
insert into diagnosis_rules_new(id, name, position, is_enabled, modality, body_part, view, station,
    description_contains, age_min, age_max, uploaded_by, model_id, priority, expected_images, stops, created_by,
    created_at, updated_at)
    select id, name, position, is_enabled, modality, body_part, view, station, description_contains, age_min, age_max,
    uploaded_by, model_id, priority, expected_images, stops, created_by, created_at, updated_at
    from diagnosis_rules;
drop table diagnosis_rules;
alter table diagnosis_rules_new rename to diagnosis_rules;
create index ix_diagnosis_rules_order on diagnosis_rules(is_enabled, position, id);
create index ix_diagnosis_rules_model on diagnosis_rules(model_id);
-- Which programs were asked of which images (program/program.h).
create table program_asks (
    id integer primary key autoincrement,
    study_id integer not null references studies(id) on delete cascade,
    program text not null,
    images_sha256 text not null,
    rule_id integer,
    job_id integer not null,
    created_at integer not null
);
create index ix_program_asks_study on program_asks(study_id, program, images_sha256);
