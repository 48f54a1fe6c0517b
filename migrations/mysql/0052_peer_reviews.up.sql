-- What readers say of earlier reports (reports/peer_review.h).
create table peer_reviews (
    id bigint not null auto_increment primary key,
    report_id bigint not null,
    version bigint not null,
    author_id bigint not null,
    reviewer_id bigint not null,
    reading_id bigint,
    state varchar(16) not null,
    score varchar(4),
    comment text,
    is_blinded tinyint not null,
    created_at bigint not null,
    settled_at bigint,
    constraint fk_peer_reviews_report_id foreign key (report_id) references reports(id),
    constraint fk_peer_reviews_author_id foreign key (author_id) references users(id),
    constraint fk_peer_reviews_reviewer_id foreign key (reviewer_id) references users(id),
    constraint fk_peer_reviews_reading_id foreign key (reading_id) references reports(id)
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
create unique index uq_peer_reviews on peer_reviews(report_id, version, reviewer_id);
create index ix_peer_reviews_reviewer on peer_reviews(reviewer_id, created_at, id);
create index ix_peer_reviews_author on peer_reviews(author_id, created_at, id);
create index ix_peer_reviews_reading on peer_reviews(reading_id);
create index ix_peer_reviews_state on peer_reviews(state, created_at, id);
create index ix_peer_reviews_created on peer_reviews(created_at, id);
create index ix_peer_reviews_settled on peer_reviews(settled_at);
