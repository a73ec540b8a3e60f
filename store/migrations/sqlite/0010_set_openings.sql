-- How often the set was taken up again after it was kept. Its indexes are in another place each time, so that those
-- that are on their way out are never those that are coming.
alter table index_sets add column opening bigint not null default 0;
