drop table peer_reviews;
