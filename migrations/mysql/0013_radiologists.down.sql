delete from role_permissions where role_id in (select id from roles where name = 'radiologist')
    and permission_id in (select id from permissions where name = 'image.upload');
