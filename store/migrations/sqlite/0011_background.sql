-- How alike the set's model finds texts that have nothing to do with each other: mean and standard deviation of their
-- cosines. Sets from before this have the values of all-MiniLM-L6-v2.
alter table index_sets add column background_mean_millionths bigint not null default 48030;
alter table index_sets add column background_spread_millionths bigint not null default 85780;
