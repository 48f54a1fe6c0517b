-- A name as it is spoken: the phonetic group of Patient's Name.
alter table patients add column name_phonetic varchar(100) collate utf8mb4_bin;
