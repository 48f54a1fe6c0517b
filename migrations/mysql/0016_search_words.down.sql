drop table study_renewals;
drop table search_rebuilds;
