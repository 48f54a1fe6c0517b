drop table event_places;
drop table events;
