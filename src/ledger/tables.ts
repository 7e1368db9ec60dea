/** Raised with every change of the tables. */
export const ledgerVersion = 3

/** Marks a SQLite file as a ledger of this package (`PRAGMA application_id`): "PhLx". */
export const applicationId = 0x50684c78

/**
 * What makes the tables of a version those of the next: `image` holds each file that was fetched once, and `duplicate_of`
 * the candidate that is kept in the place of one; `score` holds what was measured of each image, `suspicion` being the
 * highest of its kinds.
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
  little_detail real not null,
  suspicion real not null
) strict, without rowid;
create index score_watermark on score (watermark);
create index score_clip_art on score (clip_art);
create index score_little_detail on score (little_detail);
create index score_suspicion on score (suspicion);
create index score_measure on score (measure);
pragma user_version = 3;
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
