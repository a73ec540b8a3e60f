-- What a deletion deleted. Times are milliseconds since 1970-01-01 UTC.

-- Ids, counts, hashes and times; never text, titles, names of files or of people.
create table receipts (
    id text primary key,
    -- document, person
    kind text not null,
    -- id of the document; of a person the SHA-256 of a secret kept here and the name
    subject text not null,
    removed_at bigint not null,
    -- JSON: places, counts, hashes of the bytes that went
    body text not null
);
create index receipts_by_time on receipts (removed_at, id);
create index receipts_by_subject on receipts (subject);

-- Who asked; null for the operator.
alter table answers add column asked_by text;
create index answers_by_person on answers (asked_by);

-- Which documents the passages of an answer are of.
create table answer_sources (
    answer_id text not null references answers (id) on delete cascade,
    document_id text not null,
    primary key (answer_id, document_id)
);
create index answer_sources_by_document on answer_sources (document_id);
insert into answer_sources (answer_id, document_id)
    select distinct a.id, json_extract(p.value, '$.document')
    from answers a, json_each(case when json_valid(a.body) then a.body else '{}' end, '$.passages') p
    where json_extract(p.value, '$.document') is not null;
