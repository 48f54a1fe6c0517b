-- What people and models draw and measure on images. image_annotations says which version of a file's annotations is current; versions are
-- only ever added, each whole.
create table image_annotations (
    image_file_id bigint not null primary key,
    version bigint not null,
    updated_by bigint not null,
    updated_at bigint not null,
    constraint fk_image_annotations_image_file_id foreign key (image_file_id) references image_files(id) on delete cascade,
    constraint fk_image_annotations_updated_by foreign key (updated_by) references users(id)
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
create index ix_image_annotations_updated_by on image_annotations(updated_by);

create table image_annotation_versions (
    id bigint not null auto_increment primary key,
    image_file_id bigint not null,
    version bigint not null,
    created_by bigint not null,
    created_at bigint not null,
    comment text,
    annotation_count bigint not null,
    added_count bigint not null,
    changed_count bigint not null,
    removed_count bigint not null,
    content mediumtext not null,
    constraint fk_image_annotation_versions_image_file_id foreign key (image_file_id) references image_files(id) on delete cascade,
    constraint fk_image_annotation_versions_created_by foreign key (created_by) references users(id)
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
create unique index uq_image_annotation_versions_version on image_annotation_versions(image_file_id, version);
create index ix_image_annotation_versions_created_by on image_annotation_versions(created_by);
