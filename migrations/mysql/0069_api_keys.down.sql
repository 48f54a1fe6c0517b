alter table audit_logs drop column api_key_id;
drop table api_keys;
