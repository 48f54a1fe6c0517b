-- The follow-up register (reports/recommendation.h): what reports recommend, and what became of it.
create table recommendations (
    id integer primary key autoincrement,
    report_id integer not null references reports(id),
    version integer not null,
    status text not null,
    modality text,
    body_part text,
    procedure_code text,
    procedure_scheme text,
    procedure_text text,
    reason text not null,
    reason_code text,
    reason_scheme text,
    written_on text not null,
    not_before text,
    due_on text not null,
    remind_after text,
    look_again integer not null,
    recommended_by integer not null references users(id),
    created_at integer not null,
    opened_at integer,
    reminded_at integer,
    completed_study_id integer references studies(id) on delete set null,
    closed_by integer references users(id),
    closed_at integer,
    note text
);
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
    id integer primary key autoincrement,
    recommendation_id integer not null references recommendations(id),
    kind text not null,
    user_id integer references users(id),
    study_id integer references studies(id) on delete set null,
    text text,
    at integer not null
);
create index ix_recommendation_events_recommendation on recommendation_events(recommendation_id, id);
create index ix_recommendation_events_study on recommendation_events(study_id);
create index ix_recommendation_events_user on recommendation_events(user_id);

-- A study that has closed one may be deleted, or may turn out to be another patient's: the job looks again.
create trigger studies_recommendations_update after update of deleted_at, patient_id on studies
when (old.deleted_at is null) <> (new.deleted_at is null) or old.patient_id <> new.patient_id
begin
    update recommendations set look_again = 1 where completed_study_id = new.id;
    update recommendations set look_again = 1 where completed_study_id is not null
        and report_id in (select r.id from reports r where r.study_id = new.id);
end;
