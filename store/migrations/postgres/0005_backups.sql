-- Backups that were begun here, so that a deletion can say where its document still is. Times are milliseconds since
-- 1970-01-01 UTC.
create table backups (
    id text primary key,
    created_at bigint not null,
    -- null while it is being made
    bytes bigint,
    documents bigint
);
