-- What a model said as a SHADOW stays with those who manage the system, whatever becomes of the model.
alter table diagnoses add column is_shadow tinyint not null default 0;
update diagnoses set is_shadow = 1 where model_id in (select id from models where state = 'SHADOW');
