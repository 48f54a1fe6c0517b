-- Who did what to whose data, when, from where, and how it ended. Rows are only ever added.
create table audit_logs (
    id bigint not null auto_increment primary key,
    created_at bigint not null,
    user_id bigint,
    action varchar(64) not null,
    entity varchar(32),
    entity_id bigint,
    patient_id bigint,
    outcome int not null,
    client varchar(64),
    request_id varchar(36),
    detail text
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
create index ix_audit_logs_user on audit_logs(user_id, id);
create index ix_audit_logs_entity on audit_logs(entity, entity_id, id);
create index ix_audit_logs_patient on audit_logs(patient_id, id);
create index ix_audit_logs_created on audit_logs(created_at);
