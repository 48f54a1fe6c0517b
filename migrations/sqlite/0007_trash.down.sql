-- Who was deleted stays deleted, and may be restored.
update row_counts set n = n where name = '';
