-- Times are milliseconds since 1970-01-01 UTC. Ids are UUIDs as text, derived rather than drawn.

-- A named set of documents.
create table collections (
    id text primary key,
    name text not null unique,
    created_at bigint not null
);

-- One logical thing. Its id derives from collection and source_uri.
create table documents (
    id text primary key,
    collection_id text not null references collections (id),
    source_uri text not null,
    file_name text not null,
    title text,
    media_type text,
    bytes bigint not null,
    -- of the newest bytes that were added, current or not
    sha256 text not null,
    -- counts the contents this document was given; part of a revision's id, so that no id is used twice
    generation bigint not null,
    -- queued, processing, ready, failed
    status text not null,
    stage text,
    progress_done bigint,
    progress_total bigint,
    -- the revision that searches find; null until the first one is complete
    current_revision text,
    page_count bigint,
    chunk_count bigint not null default 0,
    language text,
    error_code text,
    error_message text,
    error_hint text,
    -- JSON array of {code, message, page}
    warnings text not null default '[]',
    created_at bigint not null,
    updated_at bigint not null
);
create index documents_by_collection on documents (collection_id, created_at, id);
-- which languages a collection has, without reading its documents
create index documents_by_language on documents (collection_id, language);
create index documents_by_sha256 on documents (collection_id, sha256);

-- One content state of a document.
create table revisions (
    id text primary key,
    document_id text not null,
    collection_id text not null,
    sha256 text not null,
    media_type text not null,
    title text,
    text text not null,
    -- blocks and page geometry, as the parser encodes them
    structure blob not null,
    created_at bigint not null
);
create index revisions_by_document on revisions (document_id);

-- What is indexed. Its text is characters char_start to char_end of the revision's text.
create table chunks (
    id text primary key,
    revision_id text not null references revisions (id) on delete cascade,
    document_id text not null,
    ordinal bigint not null,
    text text not null,
    -- JSON array of headings, outermost first
    heading_path text not null,
    page bigint,
    char_start bigint not null,
    char_end bigint not null,
    language text not null,
    token_count bigint not null,
    -- 32-bit floats, little-endian: both indexes can be rebuilt without the model
    embedding blob not null
);
create index chunks_by_revision on chunks (revision_id, ordinal);

-- One unit of ingestion work.
create table jobs (
    id integer primary key autoincrement,
    document_id text not null,
    generation bigint not null,
    sha256 text not null,
    file_name text not null,
    -- queued, running, done, failed, cancelled
    state text not null,
    priority bigint not null,
    attempt bigint not null,
    -- not before this time
    run_after bigint not null,
    worker text,
    -- the worker has lost the job when this time has passed
    lease_until bigint,
    created_at bigint not null
);
create index jobs_by_state on jobs (state, priority, id);
create index jobs_by_document on jobs (document_id);

-- What the indexes follow, in order.
create table changes (
    sequence integer primary key autoincrement,
    -- add, remove
    kind text not null,
    revision_id text not null
);

-- Answers as they were given, citations included.
create table answers (
    id text primary key,
    question text not null,
    collection text,
    body text not null,
    created_at bigint not null
);

-- Facts about the whole: which model made the vectors.
create table meta (
    key text primary key,
    value text not null
);
