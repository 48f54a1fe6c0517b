delete from worklist where state = 'ADDENDUM';
drop table late_results;
