-- PostgreSQL only: snapshots are compressed already, and a second attempt would cost seconds for nothing.
ALTER TABLE snapshot ALTER COLUMN bytes SET STORAGE EXTERNAL;
-- A lease row changes with every commit; room on its page keeps each change off the index.
ALTER TABLE lease SET (fillfactor = 50);
