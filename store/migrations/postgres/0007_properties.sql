-- What documents are filtered by and counted by. Times are milliseconds since 1970-01-01 UTC.

-- Of each revision, current or about to be. Beside `revisions`, whose rows are long: this is read for every passage that
-- is found.
create table properties (
    revision_id text primary key references revisions (id) on delete cascade,
    document_id text not null,
    -- null: an upload
    source_id text,
    media_type text not null,
    -- JSON array, in order
    authors text not null,
    year bigint,
    -- when its document was added
    added_at bigint not null
);
create index properties_by_document on properties (document_id);
-- which sources documents come from, without reading them all
create index properties_by_source on properties (source_id);
-- A revision that is not current yet has none of these known: its job is done again and writes them.
insert into properties (revision_id, document_id, source_id, media_type, authors, year, added_at)
    select r.id, d.id, d.source_id, r.media_type,
        case when d.current_revision = r.id then d.authors else '[]' end,
        case when d.current_revision = r.id then d.year end,
        d.created_at
    from revisions r join documents d on d.id = r.document_id;
-- documents that are being worked on, which are few, without reading the others
create index documents_not_ready on documents (id) where status <> 'ready';
