delete from study_assignments where only_of <> 0;
delete from study_role_assignments where only_of <> 0;
delete from study_department_assignments where only_of <> 0;
alter table study_department_assignments drop column only_of;
alter table study_role_assignments drop column only_of;
alter table study_assignments drop column only_of;
