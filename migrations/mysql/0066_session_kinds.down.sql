-- Who has a cookie has to sign in again.
delete from refresh_tokens where session_id in (select id from sessions where kind <> 'token');
delete from sessions where kind <> 'token';
alter table sessions drop column kind;
