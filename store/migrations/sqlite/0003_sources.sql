-- Sources that documents stay in step with. Times are milliseconds since 1970-01-01 UTC. A source's id is drawn:
-- it is a thing that a person makes.
create table sources (
    id text primary key,
    collection_id text not null references collections (id),
    -- folder, site, git, bucket
    kind text not null,
    name text not null unique,
    -- JSON, by kind; never a secret: it names credentials
    settings text not null,
    -- the data folder whose service alone can see what the source names; null: any service and worker
    place text,
    -- 1: added by somebody who can read the data folder, and so what its service reads
    trusted bigint not null,
    -- 0: only when asked
    interval_s bigint not null,
    -- active, paused, removing
    state text not null,
    -- null: only when asked
    next_sync_at bigint,
    -- asked for: 0 no, 1 yes, 2 yes, and an empty listing is meant
    requested bigint not null,
    -- syncs that failed since one that did not
    failures bigint not null,
    -- what the root was when it was listed last
    landmark text,
    lease_holder text,
    -- the holder has lost the source when this time has passed
    lease_until bigint,
    created_at bigint not null,
    updated_at bigint not null
);

-- What a source held when it was last looked at.
create table source_items (
    source_id text not null,
    item_key text not null,
    source_uri text not null,
    file_name text not null,
    -- unchanged as long as this is
    fingerprint text,
    sha256 text,
    bytes bigint not null,
    -- its own, or another with the same bytes
    document_id text,
    -- the sync that saw it last
    seen_sync bigint not null,
    primary key (source_id, item_key)
);
create index source_items_by_document on source_items (document_id);
create index source_items_by_sync on source_items (source_id, seen_sync);

-- One comparison of a source with what is known of it, and its report.
create table syncs (
    id integer primary key autoincrement,
    source_id text not null,
    -- whole, part
    extent text not null,
    -- running, done, failed, stopped, interrupted
    state text not null,
    stop_requested bigint not null,
    listed bigint not null,
    added bigint not null,
    changed bigint not null,
    removed bigint not null,
    unchanged bigint not null,
    failed bigint not null,
    -- JSON array of {item, code, message, hint}: the first ones
    failures text not null,
    error_code text,
    error_message text,
    error_hint text,
    started_at bigint not null,
    finished_at bigint
);
create index syncs_by_source on syncs (source_id, id);
