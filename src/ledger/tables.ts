/** Raised with every change of the tables. */
export const ledgerVersion = 5

/** Marks a SQLite file as a ledger of this package (`PRAGMA application_id`): "PhLx". */
export const applicationId = 0x50684c78

/**
 * What makes the tables of a version those of the next. 2: `image` holds each file that was fetched once, and
 * `duplicate_of` the candidate that is kept in the place of one. 3: `decision` is the log of a review, to which rows are
 * only ever added; `duplicate_blob` is the file of a candidate that gave way, so that people can look at it; `standing` is
 * what a candidate counts as, the decisions that were not undone heeded. 4: `score` holds what was measured of each
 * image. 5: `page_alt` is the caption that a source page gives.
 */
export const migrations: Readonly<Record<number, string>> = {
  1: `
create table image (
  blob text primary key,
  format text not null,
  size integer not null,
  width integer not null,
  height integer not null,
  hash text not null,
  mirrored_hash text not null
) strict, without rowid;
alter table candidate add column duplicate_of integer references candidate (id);
create index candidate_blob on candidate (blob);
pragma user_version = 2;
`,
  2: `
alter table candidate add column duplicate_blob text;
create table decision (
  id integer primary key,
  candidate integer not null references candidate (id),
  reviewer text not null,
  time integer not null,
  kind text not null check (kind in
    ('keep', 'drop', 'watermark', 'clip-art', 'duplicate', 'not-duplicate', 'caption', 'undo')),
  other integer references candidate (id),
  old_text text,
  new_text text,
  undoes integer unique references decision (id),
  check ((kind in ('duplicate', 'not-duplicate')) = (other is not null)),
  check ((kind = 'caption') = (old_text is not null) and (kind = 'caption') = (new_text is not null)),
  check ((kind = 'undo') = (undoes is not null))
) strict;
create index decision_candidate on decision (candidate, id);
create index decision_reviewer on decision (reviewer, id);
create view valid_decision as
  select * from decision where kind <> 'undo'
    and not exists (select 1 from decision as later where later.undoes = decision.id);
create view standing as
  select candidate.id, url_key, duplicate_of, verdict.kind as verdict, verdict.other as other, coalesce(blob, duplicate_blob) as blob,
    case when verdict.kind in ('drop', 'watermark', 'clip-art', 'duplicate') then 'refused'
      when verdict.kind = 'not-duplicate' and verdict.other = duplicate_of and reason = 'near-duplicate' then 'fetched'
      else state end as state,
    case when verdict.kind = 'drop' then 'dropped'
      when verdict.kind in ('watermark', 'clip-art', 'duplicate') then verdict.kind
      when verdict.kind = 'not-duplicate' and verdict.other = duplicate_of and reason = 'near-duplicate' then null
      else reason end as reason
  from candidate left join decision as verdict on verdict.id =
    (select max(id) from valid_decision where candidate = candidate.id and kind <> 'caption');
pragma user_version = 3;
`,
  3: `
create table score (
  blob text primary key references image (blob),
  measure integer not null,
  sharpness real not null,
  entropy real not null,
  flat_area real not null,
  distinct_colours integer not null,
  borders real not null,
  text_overlay real not null,
  repeated_pattern real not null,
  watermark real not null,
  clip_art real not null,
  little_detail real not null
) strict, without rowid;
create index score_measure on score (measure);
pragma user_version = 4;
`,
  4: `
alter table candidate add column page_alt text;
pragma user_version = 5;
`,
}

/**
 * The tables of version 1, which a new ledger gets before all migrations. `candidate` holds each file once, in the order
 * in which it was first found; `hit` every place of every answer. A search and its hits are written together, so a
 * search is either recorded whole or not at all.
 */
export const tables = `
create table answer (
  source text not null,
  request text not null,
  body text not null,
  received integer not null,
  primary key (source, request)
) strict, without rowid;

create table search (
  id integer primary key,
  source text not null,
  query text not null,
  unique (source, query)
) strict;

create table candidate (
  id integer primary key,
  url_key text not null unique,
  state text not null default 'waiting' check (state in ('waiting', 'fetched', 'refused')),
  reason text,
  attempts integer not null default 0,
  next_try integer not null default 0,
  blob text,
  check ((state = 'fetched') = (blob is not null)),
  check (state <> 'refused' or reason is not null)
) strict;
create index candidate_due on candidate (state, next_try, id);

create table hit (
  search integer not null references search (id),
  rank integer not null,
  candidate integer not null references candidate (id),
  facts text not null,
  primary key (search, rank)
) strict, without rowid;
create index hit_candidate on hit (candidate, search, rank);

pragma application_id = ${applicationId};
pragma user_version = 1;
`
