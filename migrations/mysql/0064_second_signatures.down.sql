-- An earlier version would sign reports with them. What they have signed is checked by what its envelope brings.
delete from signing_keys where is_second = 1;
alter table signing_keys drop column is_second;
