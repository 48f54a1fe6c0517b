-- Which pixels of a frame a model gave which label (diagnosis/mask.h). packed: base64 of deflated bits.
alter table diagnoses add column has_mask tinyint not null default 0;
create table diagnosis_masks (
    id bigint not null auto_increment primary key,
    diagnosis_id bigint not null,
    place bigint not null,
    label varchar(100) not null,
    width bigint not null,
    height bigint not null,
    pixels bigint not null,
    packed mediumtext character set ascii collate ascii_bin not null,
    constraint fk_diagnosis_masks_diagnosis foreign key (diagnosis_id) references diagnoses(id) on delete cascade
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
create unique index uq_diagnosis_masks on diagnosis_masks(diagnosis_id, place);
