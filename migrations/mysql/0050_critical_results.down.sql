drop table critical_result_events;
drop table critical_results;
