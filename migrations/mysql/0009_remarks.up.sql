-- What a DICOM file's text was read as, when the file does not say it rightly; and what was forgiven when it was read,
-- a JSON list.
alter table image_files
    add column character_set varchar(64),
    add column remarks text;
