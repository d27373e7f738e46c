-- Touchstone's project database. Executed once when a project is made; later changes are migrations.
-- Chats are JSON text, never STRUCT: a struct column invents null keys that nobody wrote.
-- Narrow columns live in `example`, wide ones in `content`, so that counts and sorts never touch text.

create table meta (
    key varchar primary key,
    value varchar not null
);

-- One import of one file. An import that was undone keeps its rows, marked not present.
create table source (
    source integer primary key,
    name varchar not null unique,
    path varchar not null,
    sha256 varchar not null,
    format varchar not null,
    mapping varchar not null,           -- JSON object: field -> column
    rows bigint not null,
    examples bigint not null,           -- new here
    quarantined bigint not null,
    repeated bigint not null,           -- already known, in this file or before
    present boolean not null default true,   -- false: the import was undone
    made timestamp not null,
    family varchar                      -- what its person calls it: files of one family follow one another
);

-- The current state of every example. `seq` is the order of import and is never reused.
create table example (
    seq bigint not null,
    id varchar not null,                -- content id as imported: 16 hex digits
    source integer not null,            -- where it was first seen
    line bigint not null,
    label varchar,
    group_key varchar,
    turns integer not null,
    chars bigint not null,              -- characters of all turns
    tokens integer,                     -- by the task's model and template, when they have been counted
    text_hash varchar not null,         -- of messages, tools, chosen, rejected and label as they are now
    decision varchar not null default 'undecided',
    edited boolean not null default false,
    present boolean not null default true,
    split varchar,                      -- train, validation, test; refused: it would tie two frozen splits together
    frozen boolean not null default false,   -- the split comes from a frozen version: it never changes
    cluster bigint                      -- smallest seq of its duplicate cluster; null: not computed
);
create unique index example_id on example (id);

create table content (
    seq bigint not null,
    messages varchar not null,          -- canonical JSON text
    tools varchar,
    chosen varchar,
    rejected varchar,
    original varchar not null           -- the messages as imported
);

-- The turns' texts, lower-cased: what text search scans.
create table search_text (
    seq bigint not null,
    text varchar not null
);

-- Every appearance of an example in a file.
create table occurrence (
    seq bigint not null,
    source integer not null,
    line bigint not null,
    group_key varchar,
    external_id varchar,                -- the file's own name for the row, where one is mapped
    text_hash varchar,                  -- of the row as this file has it; null: not known, imported before schema 2
    split varchar,                      -- the split that the file itself gives the row; null: Touchstone chooses
    metadata varchar not null           -- JSON object
);

-- What could not be read. `nth` tells equal lines of one file apart; a line seen again is stored once.
create table quarantine (
    raw_hash varchar not null,
    nth integer not null,
    source integer not null,
    line bigint not null,
    raw varchar not null,
    reason varchar not null,
    primary key (raw_hash, nth)
);

-- A finding of a check on one example. Shown only while `text_hash` is still the example's and `check_version`
-- is still the edition in `check_edition`.
create table flag (
    seq bigint not null,
    check_name varchar not null,
    check_version integer not null,
    text_hash varchar not null,
    severity varchar not null,          -- block, fix, look
    turn integer,                       -- index into messages; null: the whole example
    span_start integer,                 -- characters of the turn's text; null: the whole turn
    span_end integer,
    message varchar not null,
    score double
);

-- Which version of which check has looked at which text. What is missing here is run again.
create table checked (
    seq bigint not null,
    check_name varchar not null,
    check_version integer not null,
    text_hash varchar not null
);

-- The edition of each check under the task as it is: its version, options and the part of the task it reads,
-- as one number. Flags of another edition are not shown; 0: the check is off or does not apply.
create table check_edition (
    check_name varchar primary key,
    edition integer not null
);

-- A flag raised by a person.
create table hand_flag (
    seq bigint not null,
    reason varchar not null,
    who varchar not null,
    made timestamp not null
);

-- The decision log, append-only: a batch is one action of one person; undo and redo are batches too.
create table batch (
    batch bigint primary key,
    op_id varchar not null unique,      -- the client's operation id: the same one twice is one action
    made timestamp not null,
    who varchar not null,
    summary varchar not null,
    root bigint not null,               -- the batch that is done, undone or redone
    direction varchar not null          -- do, undo, redo
);
create table decision (
    n bigint primary key,
    batch bigint not null,
    seq bigint,                         -- null: the whole source (an import), or the task
    source integer,
    kind varchar not null,              -- a key of changes.APPLY, present, labels
    before varchar,                     -- JSON of the one field
    after varchar,
    reason varchar
);
create index decision_seq on decision (seq);

-- Members of duplicate clusters with two or more rows.
create table duplicate (
    seq bigint not null,
    cluster bigint not null,
    representative bigint not null,
    similarity double not null,         -- to the representative: 1 for an exact copy
    exact boolean not null,             -- its conversation is equal to the representative's after normalising
    conversation boolean not null,      -- linked by the whole conversation; false: only by the user turns
    hops bigint not null,               -- rows between it and the representative when not similar enough itself
    proposed boolean not null           -- may be dropped without losing anything
);
create table duplicate_edge (
    a bigint not null,
    b bigint not null,
    kind varchar not null,              -- exact, near, exact_prompt, near_prompt, semantic
    similarity double not null
);

-- Filters a person has given a name.
create table saved_view (
    name varchar primary key,
    filter varchar not null,            -- in the filter language
    sort varchar not null
);

-- Labels that the vectors of the other rows contradict, the worst first.
create table suspect (
    seq bigint not null,
    text_hash varchar not null,         -- shown only while it is still the example's
    score double not null,              -- log odds of the suggested label against the given one
    suggested varchar not null,
    probability double not null,        -- of the suggested label, out of fold
    flagged boolean not null,
    neighbours varchar not null         -- JSON list of {id, label, similarity}, nearest first
);

-- The picture by meaning: where each example lies.
create table map_point (
    seq bigint not null,
    text_hash varchar not null,
    x float not null,
    y float not null
);

-- Times are UTC.
create macro utc_now() as
    (now() at time zone 'UTC')::timestamp;

-- ── Normalisation, once. `fold_unicode` (NFKC, casefold) is registered by store.py and is only asked
-- ── about texts with non-ASCII characters; each run of non-word characters becomes one blank.
create macro fold(t) as
    case when strlen(t) = length(t) then lower(t) else fold_unicode(t) end;
create macro normalise(t) as
    trim(regexp_replace(fold(t), '[^\p{L}\p{M}\p{N}_ ][^\p{L}\p{M}\p{N}_]*| [^\p{L}\p{M}\p{N}_]+', ' ', 'g'));

-- ── Views of a chat, from its canonical JSON text.
-- The text of each turn: content, or the joined text parts; '' where there is none.
create macro turn_texts(messages) as
    list_transform(
        from_json(messages, '["JSON"]'),
        lambda m: case json_type(m, '$.content')
            when 'VARCHAR' then m ->> '$.content'
            when 'ARRAY' then coalesce(array_to_string(
                list_transform(from_json(m -> '$.content', '["JSON"]'),
                    lambda p: coalesce(p ->> '$.text', p ->> '$.value', '')), ''), '')
            else '' end);
create macro turn_roles(messages) as
    from_json(messages ->> '$[*].role', '["VARCHAR"]');
-- What deduplication compares: the conversation without system turns, and the user turns alone.
create macro conversation_text(messages) as
    array_to_string(list_transform(
        list_filter(list_zip(turn_roles(messages), turn_texts(messages)),
            lambda z: z[1] not in ('system', 'developer')), lambda z: z[2]), chr(10));
create macro user_text(messages) as
    array_to_string(list_transform(
        list_filter(list_zip(turn_roles(messages), turn_texts(messages)),
            lambda z: z[1] = 'user'), lambda z: z[2]), chr(10));
-- The last assistant turn: 1-based position (null: there is none) and text.
create macro last_assistant(messages) as
    nullif(len(turn_roles(messages)) + 1 - list_position(list_reverse(turn_roles(messages)), 'assistant'),
           len(turn_roles(messages)) + 1);
create macro answer_text(messages) as
    turn_texts(messages)[last_assistant(messages)];

create view live as
    select * from example where present;

create view open_flag as
    select f.seq, f.check_name, f.severity, f.turn, f.span_start, f.span_end, f.message, f.score
    from flag f
    join example e on e.seq = f.seq and e.text_hash = f.text_hash
    left join check_edition k on k.check_name = f.check_name
    where e.present and f.check_version = coalesce(k.edition, f.check_version)
    union all
    select h.seq, 'by hand', 'look', null, null, null, h.reason || ' (' || h.who || ')', null
    from hand_flag h
    join example e on e.seq = h.seq
    where e.present;
