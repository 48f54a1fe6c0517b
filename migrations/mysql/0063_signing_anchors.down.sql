drop table signing_anchors;
