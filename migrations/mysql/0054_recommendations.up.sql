-- The follow-up register (reports/recommendation.h): what reports recommend, and what became of it.
create table recommendations (
    id bigint not null auto_increment primary key,
    report_id bigint not null,
    version bigint not null,
    status varchar(16) not null,
    modality varchar(64),
    body_part varchar(64),
    procedure_code varchar(64),
    procedure_scheme varchar(64),
    procedure_text varchar(800),
    reason varchar(2000) not null,
    reason_code varchar(64),
    reason_scheme varchar(64),
    written_on varchar(10) not null,
    not_before varchar(10),
    due_on varchar(10) not null,
    remind_after varchar(10),
    look_again tinyint not null,
    recommended_by bigint not null,
    created_at bigint not null,
    opened_at bigint,
    reminded_at bigint,
    completed_study_id bigint,
    closed_by bigint,
    closed_at bigint,
    note varchar(2000),
    constraint fk_recommendations_report_id foreign key (report_id) references reports(id),
    constraint fk_recommendations_recommended_by foreign key (recommended_by) references users(id),
    constraint fk_recommendations_study foreign key (completed_study_id) references studies(id) on delete set null,
    constraint fk_recommendations_closed_by foreign key (closed_by) references users(id)
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
create index ix_recommendations_report on recommendations(report_id, due_on, id);
create index ix_recommendations_due on recommendations(due_on, id);
create index ix_recommendations_open on recommendations(status, id);
create index ix_recommendations_status on recommendations(status, due_on, id);
create index ix_recommendations_modality on recommendations(status, modality, due_on, id);
create index ix_recommendations_remind on recommendations(remind_after, id);
create index ix_recommendations_look on recommendations(look_again, id);
create index ix_recommendations_study on recommendations(completed_study_id);
create index ix_recommendations_recommended_by on recommendations(recommended_by);
create index ix_recommendations_closed_by on recommendations(closed_by);
create table recommendation_events (
    id bigint not null auto_increment primary key,
    recommendation_id bigint not null,
    kind varchar(16) not null,
    user_id bigint,
    study_id bigint,
    text text,
    at bigint not null,
    constraint fk_recommendation_events_recommendation foreign key (recommendation_id) references recommendations(id),
    constraint fk_recommendation_events_user_id foreign key (user_id) references users(id),
    constraint fk_recommendation_events_study foreign key (study_id) references studies(id) on delete set null
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
create index ix_recommendation_events_recommendation on recommendation_events(recommendation_id, id);
create index ix_recommendation_events_study on recommendation_events(study_id);
create index ix_recommendation_events_user on recommendation_events(user_id);

-- A study that has closed one may be deleted, or may turn out to be another patient's: the job looks again.
create trigger studies_recommendations_update after update on studies for each row
begin
    if (old.deleted_at is null) <> (new.deleted_at is null) or old.patient_id <> new.patient_id then
        update recommendations set look_again = 1 where completed_study_id = new.id;
        -- joined, since here an update by `in` reads, and holds, all that any study has closed
        update reports r join recommendations k on k.report_id = r.id set k.look_again = 1
            where r.study_id = new.id and k.completed_study_id is not null;
    end if;
end;
