-- How a session is shown: by tokens that a program keeps, or by a cookie that a browser does (people/session.h).
alter table sessions add column kind varchar(8) not null default 'token';
