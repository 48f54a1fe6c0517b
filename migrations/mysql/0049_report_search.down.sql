drop table report_codes;
delete from search_rebuilds where name in ('reports', 'report_faces');
drop table report_face_search;
drop table report_search;
