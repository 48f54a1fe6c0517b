drop trigger studies_modalities_update;
drop trigger studies_modalities_insert;
drop table study_modalities;
create index ix_studies_modality on studies(is_deleted, modality, created_at, id);
create index ix_studies_modality_date on studies(is_deleted, modality, sort_date, id);
