alter table patients drop column name_phonetic;
