-- InnoDB keeps its counters over a restart (MariaDB 10.2.4, MySQL 8.0): an id that was given once is not given again.
-- Nothing to do here.
do 0;
