-- What readers say of earlier reports (reports/peer_review.h).
create table peer_reviews (
    id integer primary key autoincrement,
    report_id integer not null references reports(id),
    version integer not null,
    author_id integer not null references users(id),
    reviewer_id integer not null references users(id),
    reading_id integer references reports(id),
    state text not null,
    score text,
    comment text,
    is_blinded integer not null,
    created_at integer not null,
    settled_at integer
);
create unique index uq_peer_reviews on peer_reviews(report_id, version, reviewer_id);
create index ix_peer_reviews_reviewer on peer_reviews(reviewer_id, created_at, id);
create index ix_peer_reviews_author on peer_reviews(author_id, created_at, id);
create index ix_peer_reviews_reading on peer_reviews(reading_id);
create index ix_peer_reviews_state on peer_reviews(state, created_at, id);
create index ix_peer_reviews_created on peer_reviews(created_at, id);
create index ix_peer_reviews_settled on peer_reviews(settled_at);
