alter table models drop column preference;
