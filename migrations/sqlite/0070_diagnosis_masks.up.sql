-- Which pixels of a frame a model gave which label (diagnosis/mask.h). packed: base64 of deflated bits.
alter table diagnoses add column has_mask integer not null default 0;
create table diagnosis_masks (
    id integer primary key autoincrement,
    diagnosis_id integer not null references diagnoses(id) on delete cascade,
    place integer not null,
    label text not null,
    width integer not null,
    height integer not null,
    pixels integer not null,
    packed text not null
);
create unique index uq_diagnosis_masks on diagnosis_masks(diagnosis_id, place);
