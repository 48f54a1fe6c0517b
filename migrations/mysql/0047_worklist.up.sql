-- What waits to be read (records/worklist.h): how urgent studies are, when their first image came, and the list itself.
alter table studies add column care_setting varchar(32) not null default 'OTHER';
alter table studies add column priority varchar(32) not null default 'NORMAL';
alter table studies add column arrived_at bigint;
update studies set arrived_at = (select min(f.created_at) from image_files f where f.study_id = studies.id);

create table study_lifts (
    study_id bigint not null primary key,
    diagnosis_id bigint not null,
    model_name varchar(256) not null,
    model_version varchar(256) not null,
    label varchar(400) not null,
    lifted_at bigint not null,
    constraint fk_study_lifts_study_id foreign key (study_id) references studies(id) on delete cascade
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
alter table diagnoses add column critical_label varchar(400);
alter table diagnoses add column critical_denied tinyint not null default 0;

create table worklist (
    id bigint not null auto_increment primary key,
    study_id bigint not null,
    report_id bigint not null,
    state varchar(32) not null,
    is_live tinyint not null,
    is_told tinyint not null,
    modality varchar(64),
    body_part varchar(256),
    care_setting varchar(32) not null,
    priority varchar(32) not null,
    priority_from varchar(32) not null,
    report_priority varchar(32),
    author_id bigint,
    submitted_by bigint,
    reviewer_id bigint,
    clock_at bigint not null,
    due_at bigint not null,
    urgency bigint not null,
    constraint fk_worklist_study_id foreign key (study_id) references studies(id) on delete cascade
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
create unique index uq_worklist on worklist(study_id, report_id);
create index ix_worklist_report on worklist(report_id);
create index ix_worklist_urgency on worklist(is_live, urgency, id);
create index ix_worklist_state on worklist(is_live, state, urgency, id);
create index ix_worklist_unread on worklist(is_live, state, modality, urgency, id);
create index ix_worklist_author on worklist(is_live, author_id, urgency, id);
create index ix_worklist_reviewer on worklist(is_live, reviewer_id, urgency, id);
create index ix_worklist_modality on worklist(is_live, modality, urgency, id);
create index ix_worklist_body_part on worklist(is_live, body_part, urgency, id);
create index ix_worklist_care on worklist(is_live, care_setting, urgency, id);
create index ix_worklist_due on worklist(is_live, is_told, due_at);

-- What is there already: due after a day; what is overdue by now is not told. Deleted studies have their rows, too, for
-- when they are restored.
insert into worklist(study_id, report_id, state, is_live, is_told, modality, body_part, care_setting, priority,
    priority_from, report_priority, author_id, submitted_by, reviewer_id, clock_at, due_at, urgency)
select s.id, r.id, r.status, s.deleted_at is null, r.created_at + 86400000000 < unix_timestamp() * 1000000,
    s.modality, s.body_part, 'OTHER',
    case when r.priority in ('STAT', 'URGENT', 'HIGH') then r.priority else 'NORMAL' end,
    case when r.priority in ('STAT', 'URGENT', 'HIGH') then 'REPORT' else 'STUDY' end, r.priority, r.author_id,
    r.submitted_by, r.reviewer_id, r.created_at, r.created_at + 86400000000,
    case r.priority when 'STAT' then 1 when 'URGENT' then 2 when 'HIGH' then 3 else 4 end * 10000000000000000
    + r.created_at + 86400000000
from reports r join studies s on s.id = r.study_id where r.status in ('DRAFT', 'PRELIMINARY', 'IN_REVIEW', 'APPROVED');
insert into worklist(study_id, report_id, state, is_live, is_told, modality, body_part, care_setting, priority,
    priority_from, clock_at, due_at, urgency)
select s.id, 0, 'UNREAD', s.deleted_at is null and exists (select 1 from image_files f where f.study_id = s.id and
    f.is_deleted = 0),
    s.arrived_at + 86400000000 < unix_timestamp() * 1000000, s.modality, s.body_part, 'OTHER', 'NORMAL', 'STUDY',
    s.arrived_at, s.arrived_at + 86400000000, 40000000000000000 + s.arrived_at + 86400000000
from studies s where s.arrived_at is not null and not exists (select 1 from reports r where r.study_id = s.id
    and r.status not in ('CANCELLED', 'ENTERED_IN_ERROR'));

create trigger studies_worklist_update after update on studies for each row
begin
    if (old.deleted_at is null) <> (new.deleted_at is null)
        or (old.number_of_instances = 0) <> (new.number_of_instances = 0) then
        update worklist set is_live = new.deleted_at is null and (new.number_of_instances > 0 or state <> 'UNREAD'
            or exists (select 1 from image_files f where f.study_id = new.id and f.is_deleted = 0))
            where study_id = new.id;
    end if;
end;
