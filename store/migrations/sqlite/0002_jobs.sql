-- Where a document comes from, as a source; null for uploads. And what it says about itself.
alter table documents add column source_id text;
-- JSON array of names, in order
alter table documents add column authors text not null default '[]';
alter table documents add column year bigint;
alter table documents add column doi text;

-- queued, running, paused, done, failed. A job that nobody wants any more is deleted.
alter table jobs add column source_id text;
alter table jobs add column bytes bigint not null default 0;
-- place among jobs of the same priority: grows with the work that the job's lane has had (see lanes)
alter table jobs add column turn bigint not null default 0;
-- workers that took it since it last came forward; attempt counts failures
alter table jobs add column claims bigint not null default 0;
alter table jobs add column started_at bigint;
alter table jobs add column finished_at bigint;
delete from jobs where state = 'cancelled';
drop index jobs_by_state;
create index jobs_by_turn on jobs (state, priority desc, turn, id);
create index jobs_by_finish on jobs (finished_at);

-- Sources take turns: the turn of each lane's newest job, and under '' that of the job claimed last.
create table lanes (
    lane text primary key,
    turn bigint not null
);

-- Work on a job that need not be done again by the next worker; gone when the job is done.
create table checkpoints (
    job_id bigint not null references jobs (id) on delete cascade,
    -- what it holds, for example parsed
    name text not null,
    body blob not null,
    primary key (job_id, name)
);
