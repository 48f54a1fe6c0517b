-- What happened within the last hour or so (site/event.h). An id may commit after a higher one, so whoever reads gives
-- what has committed its place (seq), one server at a time: event_places has the last one given.
create table events (
    id bigint not null auto_increment primary key,
    seq bigint,
    type varchar(32) not null,
    file_id bigint,
    study_id bigint,
    job_id bigint,
    state varchar(16),
    progress_done bigint,
    progress_total bigint,
    created_at bigint not null
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
create index ix_events_seq on events(seq);

create table event_places (
    id bigint not null primary key,
    seq bigint not null
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
insert into event_places(id, seq) values (1, 0);
