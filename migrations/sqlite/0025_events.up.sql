-- What happened within the last hour or so (site/event.h). One connection writes at a time, so that ids are given in
-- the order of the commits, and none twice, since the newest row is never forgotten. No further index: it is read from
-- an id on, and every upload writes here.
create table events (
    id integer primary key,
    type text not null,
    file_id integer,
    study_id integer,
    job_id integer,
    state text,
    progress_done integer,
    progress_total integer,
    created_at integer not null
);
