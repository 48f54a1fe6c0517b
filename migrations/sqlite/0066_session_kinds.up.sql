-- How a session is shown: by tokens that a program keeps, or by a cookie that a browser does (people/session.h).
alter table sessions add column kind text not null default 'token';
