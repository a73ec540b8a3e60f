-- Index sets: what the vectors were made by and how long chunks are. Chunks belong to one; a revision has chunks in
-- each set that it was put into. Times are milliseconds since 1970-01-01 UTC.
create table index_sets (
    id text primary key,
    -- name of the embedding model, and the hash of its weights
    model text not null,
    model_sha256 text not null,
    dimensions bigint not null,
    -- longest chunk
    chunk_tokens bigint not null,
    -- in_use: searches go there; beside: being filled, or full; kept: chunks only, to go back to
    state text not null,
    -- why a document could not be put into it, the last time one could not
    problem text,
    -- who fills it, and until when nobody else does
    builder text,
    lease_until bigint,
    created_at bigint not null,
    used_at bigint
);
create unique index index_sets_by_state on index_sets (state) where state <> 'kept';

-- the set that everything was in before there were several
alter table chunks add column set_id text not null default '00000000-0000-0000-0000-000000000000';
drop index chunks_by_revision;
create index chunks_by_revision on chunks (revision_id, set_id, ordinal);

-- null: concerns every set
alter table changes add column set_id text;

-- Revisions that are in a set, with chunks or, if they have no text, without.
create table set_revisions (
    set_id text not null,
    revision_id text not null references revisions (id) on delete cascade,
    primary key (set_id, revision_id)
);
create index set_revisions_by_revision on set_revisions (revision_id);
insert into set_revisions (set_id, revision_id) select '00000000-0000-0000-0000-000000000000', id from revisions;

-- What a person wants found: index sets are compared by it. It goes with its document.
create table evaluation_questions (
    id text primary key,
    collection_id text not null references collections (id),
    document_id text not null references documents (id) on delete cascade,
    question text not null,
    -- verbatim; what answers the question
    quote text not null,
    language text not null,
    -- proposed, confirmed
    state text not null,
    created_at bigint not null
);
create index evaluation_questions_by_document on evaluation_questions (document_id);
create index evaluation_questions_by_state on evaluation_questions (state, created_at);
