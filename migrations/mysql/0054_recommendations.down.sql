drop trigger studies_recommendations_update;
drop table recommendation_events;
drop table recommendations;
