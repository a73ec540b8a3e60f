-- Who may read what. Times are milliseconds since 1970-01-01 UTC.

-- Access lists. A collection without entries is the operator's alone.
create table access_entries (
    -- id of a collection, or of a document that is narrowed
    subject_id text not null,
    -- public, user:NAME, group:NAME
    reader text not null,
    primary key (subject_id, reader)
);
create index access_entries_by_reader on access_entries (reader, subject_id);

-- 1: of those who may read the collection, only who is on the document's own list
alter table documents add column narrowed bigint not null default 0;
-- which languages a reader's documents are in, without reading the documents
drop index documents_by_language;
create index documents_by_language on documents (collection_id, narrowed, language);

create table users (
    name text primary key,
    created_at bigint not null
);
create table memberships (
    user_name text not null references users (name) on delete cascade,
    group_name text not null,
    primary key (user_name, group_name)
);

-- What programs and pages show to be let in as a user.
create table keys (
    id text primary key,
    user_name text not null references users (name) on delete cascade,
    label text not null,
    -- of the key, which is kept nowhere
    sha256 text not null unique,
    created_at bigint not null
);
