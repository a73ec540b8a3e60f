-- Expressions that mean the same, as a person wrote them down for a collection. They go with it. Times are milliseconds
-- since 1970-01-01 UTC.
create table lexicons (
    collection_id text primary key references collections (id) on delete cascade,
    text text not null,
    -- of the text: whoever remembers it parsed sees by this whether it changed
    sha256 text not null,
    updated_at bigint not null
);
