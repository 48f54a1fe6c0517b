-- What waits to be read (records/worklist.h): how urgent studies are, when their first image came, and the list itself.
alter table studies add column care_setting text not null default 'OTHER';
alter table studies add column priority text not null default 'NORMAL';
alter table studies add column arrived_at integer;
update studies set arrived_at = (select min(f.created_at) from image_files f where f.study_id = studies.id);

create table study_lifts (
    study_id integer primary key references studies(id) on delete cascade,
    diagnosis_id integer not null,
    model_name text not null,
    model_version text not null,
    label text not null,
    lifted_at integer not null
);
alter table diagnoses add column critical_label text;
alter table diagnoses add column critical_denied integer not null default 0;

create table worklist (
    id integer primary key autoincrement,
    study_id integer not null references studies(id) on delete cascade,
    report_id integer not null,
    state text not null,
    is_live integer not null,
    is_told integer not null,
    modality text,
    body_part text,
    care_setting text not null,
    priority text not null,
    priority_from text not null,
    report_priority text,
    author_id integer,
    submitted_by integer,
    reviewer_id integer,
    clock_at integer not null,
    due_at integer not null,
    urgency integer not null
);
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
select s.id, r.id, r.status, s.deleted_at is null, r.created_at + 86400000000 < strftime('%s', 'now') * 1000000,
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
    s.arrived_at + 86400000000 < strftime('%s', 'now') * 1000000, s.modality, s.body_part, 'OTHER', 'NORMAL', 'STUDY',
    s.arrived_at, s.arrived_at + 86400000000, 40000000000000000 + s.arrived_at + 86400000000
from studies s where s.arrived_at is not null and not exists (select 1 from reports r where r.study_id = s.id
    and r.status not in ('CANCELLED', 'ENTERED_IN_ERROR'));

create trigger studies_worklist_update after update of deleted_at, number_of_instances on studies
when (old.deleted_at is null) <> (new.deleted_at is null)
    or (old.number_of_instances = 0) <> (new.number_of_instances = 0)
begin
    update worklist set is_live = new.deleted_at is null and (new.number_of_instances > 0 or state <> 'UNREAD'
        or exists (select 1 from image_files f where f.study_id = new.id and f.is_deleted = 0))
        where study_id = new.id;
end;
