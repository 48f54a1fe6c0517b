-- Radiologists upload, too. Other rights of roles that are there already stay the hospital's to change.
insert into role_permissions(role_id, permission_id)
    select r.id, p.id from roles r join permissions p on p.name = 'image.upload' where r.name = 'radiologist'
        and not exists (select 1 from role_permissions x where x.role_id = r.id and x.permission_id = p.id);
