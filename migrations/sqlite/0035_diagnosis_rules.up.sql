-- Which images are asked of which model by themselves (diagnosis/rule.h).
create table diagnosis_rules (
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
    model_id integer not null references models(id),
    priority text not null,
    expected_images integer,
    stops integer not null,
    created_by integer references users(id),
    created_at integer not null,
    updated_at integer not null
);
create index ix_diagnosis_rules_order on diagnosis_rules(is_enabled, position, id);
create index ix_diagnosis_rules_model on diagnosis_rules(model_id);
alter table diagnoses add column rule_id integer;
