-- Who did what to whose data, when, from where, and how it ended. Rows are only ever added.
create table audit_logs (
    id integer primary key,
    created_at integer not null,
    user_id integer,
    action text not null,
    entity text,
    entity_id integer,
    patient_id integer,
    outcome integer not null,
    client text,
    request_id text,
    detail text
);
create index ix_audit_logs_user on audit_logs(user_id, id) where user_id is not null;
create index ix_audit_logs_entity on audit_logs(entity, entity_id, id) where entity_id is not null;
create index ix_audit_logs_patient on audit_logs(patient_id, id) where patient_id is not null;
create index ix_audit_logs_created on audit_logs(created_at);
