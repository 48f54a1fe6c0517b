-- A rule names a model or a program (rule/rule.h).
alter table diagnosis_rules modify model_id bigint, add column program varchar(64);
-- Which programs were asked of which images (program/program.h).
create table program_asks (
    id bigint not null auto_increment primary key,
    study_id bigint not null,
    program varchar(64) not null,
    images_sha256 varchar(64) not null,
    rule_id bigint,
    job_id bigint not null,
    created_at bigint not null,
    constraint fk_program_asks_study foreign key (study_id) references studies(id) on delete cascade
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
create index ix_program_asks_study on program_asks(study_id, program, images_sha256);
