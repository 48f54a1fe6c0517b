-- Which of the models that admit an image is asked first (diagnosis/model.h).
alter table models add column preference bigint not null default 0;
