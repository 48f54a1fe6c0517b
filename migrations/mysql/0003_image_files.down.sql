drop table image_file_totals;
drop table image_file_counts;
drop table upload_chunks;
drop table image_file_search;
drop table image_files;
