-- Which images are asked of which model by themselves (diagnosis/rule.h).
create table diagnosis_rules (
    id bigint not null auto_increment primary key,
    name varchar(400) not null,
    position bigint not null,
    is_enabled tinyint not null,
    modality text,
    body_part text,
    view text,
    station text,
    description_contains varchar(800),
    age_min bigint,
    age_max bigint,
    uploaded_by text,
    model_id bigint not null,
    priority varchar(16) not null,
    expected_images bigint,
    stops tinyint not null,
    created_by bigint,
    created_at bigint not null,
    updated_at bigint not null,
    constraint fk_diagnosis_rules_model foreign key (model_id) references models(id),
    constraint fk_diagnosis_rules_created_by foreign key (created_by) references users(id)
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
create index ix_diagnosis_rules_order on diagnosis_rules(is_enabled, position, id);
alter table diagnoses add column rule_id bigint;
