drop table image_annotation_versions;
drop table image_annotations;
