-- What people and models draw and measure on images. image_annotations says which version of a file's annotations is current; versions are
-- only ever added, each whole.
create table image_annotations (
    image_file_id integer primary key references image_files(id) on delete cascade,
    version integer not null,
    updated_by integer not null references users(id),
    updated_at integer not null
);
create index ix_image_annotations_updated_by on image_annotations(updated_by);

create table image_annotation_versions (
    id integer primary key,
    image_file_id integer not null references image_files(id) on delete cascade,
    version integer not null,
    created_by integer not null references users(id),
    created_at integer not null,
    comment text,
    annotation_count integer not null,
    added_count integer not null,
    changed_count integer not null,
    removed_count integer not null,
    content text not null
);
create unique index uq_image_annotation_versions_version on image_annotation_versions(image_file_id, version);
create index ix_image_annotation_versions_created_by on image_annotation_versions(created_by);
