-- Whose files of the study an assignment opens: 0: everybody's, also those that come later; else those of the account
-- that registered it and does not see what others send (records/assignment.h). What such accounts assigned before is
-- taken so, too: who may see all of it assigns it anew.
alter table study_assignments add column only_of integer not null default 0;
alter table study_role_assignments add column only_of integer not null default 0;
alter table study_department_assignments add column only_of integer not null default 0;
update study_assignments set only_of = created_by
    where created_by = (select s.created_by from studies s where s.id = study_assignments.study_id)
    and not exists (select 1 from user_roles u join role_permissions r on r.role_id = u.role_id
        join permissions p on p.id = r.permission_id
    where u.user_id = study_assignments.created_by and p.name = 'image.read_all');
update study_role_assignments set only_of = created_by
    where created_by = (select s.created_by from studies s where s.id = study_role_assignments.study_id)
    and not exists (select 1 from user_roles u join role_permissions r on r.role_id = u.role_id
        join permissions p on p.id = r.permission_id
    where u.user_id = study_role_assignments.created_by and p.name = 'image.read_all');
update study_department_assignments set only_of = created_by
    where created_by = (select s.created_by from studies s where s.id = study_department_assignments.study_id)
    and not exists (select 1 from user_roles u join role_permissions r on r.role_id = u.role_id
        join permissions p on p.id = r.permission_id
    where u.user_id = study_department_assignments.created_by and p.name = 'image.read_all');
