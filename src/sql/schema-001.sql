-- Version 1 on SQLite: the mirror and Brindle's own tables.

-- The mirror. `data` is the object as Stripe sent it, byte for byte. A deletion is a row.
create table objects (
    type text not null,
    account text not null,
    id text not null,
    data text not null,
    deleted integer not null default 0,   -- 1: a tombstone, data is the last known state;
                                          -- 2: erased, data is nothing but its id
    revision integer not null,            -- from _sequence, new at every change of this row
    ticket integer not null,              -- from _sequence, drawn before the request left
    fetched_at integer not null,          -- wall clock, milliseconds: when it was last seen so
    changed_at integer not null,          -- likewise: when this state was stored, for the history
    api_version text not null,
    source text not null,                 -- get, list, nested, event
    open_lists integer not null default 0,-- nested lists not yet known completely
    livemode integer,                     -- null where the object has no such field
    owner text,                           -- the customer whose list showed it, where it does not say so itself
    hidden integer,                       -- a ticket: complete lists had not shown it by then, nor has one since;
                                          -- null: not known to be so (hidden.h)
    primary key (type, id, account)       -- for joins on an id, which know no account
);
create index objects_deleted on objects (type, account) where deleted = 1;
create index objects_erased on objects (type, account) where deleted = 2;
create index objects_open on objects (type, account) where open_lists > 0;
create index objects_hidden on objects (type, account) where ticket > hidden; -- and it was there since
create index objects_ticket on objects (type, account, ticket, id);

-- Every delivery once, by event id: no event without work, no work without its event.
create table _inbox (
    seq integer primary key,
    event text not null unique,
    type text not null,
    object_type text,
    object_id text,
    account text,                         -- as in the event: only Connect events have one
    livemode integer,
    api_version text,
    created integer,                      -- the event's own second, for people
    received_at integer not null,         -- wall clock, milliseconds
    secret text not null,                 -- the name of the secret whose signature matched
    deliveries integer not null default 1,
    last_at integer not null,
    outcome text not null,                -- due, unknown, unfetchable, quarantined, erased
    reason text,
    body text,
    twin text                             -- of a thin event: the snapshot event of the same change
);
create index _inbox_object on _inbox (object_type, object_id);
create index _inbox_twin on _inbox (twin) where twin is not null;
create index _inbox_body on _inbox (received_at) where body is not null;
create index _inbox_bodiless on _inbox (received_at) where body is null;
create index _inbox_again on _inbox (deliveries) where deliveries > 1;
create index _inbox_account on _inbox (account) where account is not null;
create index _inbox_outcome on _inbox (outcome, seq) where outcome <> 'due';

-- Deliveries that carry a known event id and another type, object, account or mode.
create table _inbox_conflicts (
    seq integer primary key,
    event text not null,
    received_at integer not null,
    reason text not null,
    body text not null
);
create index _inbox_conflicts_event on _inbox_conflicts (event);

-- The set of things that need work. It is due while done_gen < gen and dead is 0. A row stays when
-- its work is done, as long as its object does: it is the memory of what was asked for and is not
-- there, so that no reference asks again; a holder who is late by any time finds his generation in
-- it, where a new row's generation 1 could be taken for his; and who waits for a generation reads
-- here that it is done.
create table _due (
    kind text not null,                   -- object, walk, …: due.h
    type text not null,
    id text not null,                     -- the object's id, or the walk's variant
    account text not null,
    lane integer not null,                -- smaller goes first
    gen integer not null,                 -- one more for each signal
    done_gen integer not null default 0,
    claimed_gen integer not null default 0,
    ticket integer not null default 0,    -- of the claim; also its token
    claimed integer not null default 0,
    not_before integer not null default 0,-- monotonic; while claimed, the lease's end; 0 at start
    due_since integer not null,           -- wall clock, when it last became due, or when that happened which made it so
    attempts integer not null default 0,
    gone_hint integer not null default 0, -- 1: an event said that it was deleted
    misses integer not null default 0,    -- 404s in a row
    permitted integer not null default 0, -- 1: a person has seen that it is gone (fuse.h)
    depth integer not null default 0,     -- references followed since the last signal
    guest integer not null default 0,     -- 1: a connected account's: they take turns
    dead integer not null default 0,
    last_error text,
    last_status integer,
    cause text not null,
    primary key (kind, type, id, account)
);
create index _due_ready on _due (lane, guest, not_before, due_since) where done_gen < gen and dead = 0;
create index _due_guest on _due (lane, account, not_before, due_since)
    where guest = 1 and done_gen < gen and dead = 0;
create index _due_since on _due (due_since, guest) where done_gen < gen;
create index _due_dead on _due (kind, type, id) where dead = 1 and done_gen < gen;

-- Every reference in every object. Membership of a nested list is a reference from its parent.
create table _refs (
    from_type text not null,
    account text not null,
    from_id text not null,
    field text not null,
    to_type text not null,
    to_id text not null,
    member integer not null default 0,    -- 1: to_id is an element of the nested list `field`
    certain integer not null default 0,   -- 1: a missing target is worth a fetch
    ticket integer not null,
    primary key (from_type, account, from_id, field, to_type, to_id)
) without rowid;
create index _refs_to on _refs (to_type, account, to_id, certain);

-- Targets of references that Stripe does not have: with its answer, and when to look again.
create table _absent (
    type text not null,
    account text not null,
    id text not null,
    state text not null,                  -- absent, or foreign: another mode's or account's
    status integer not null,
    answer text not null,
    first_at integer not null,             -- wall clock, milliseconds
    last_at integer not null,
    next_at integer not null,              -- 0: not again by itself
    looks integer not null,
    primary key (type, account, id)
);
create index _absent_next on _absent (next_at) where next_at > 0;

-- Erasures that have begun and are not done yet: whoever goes on with one finds by these words what
-- the customer's own row does not tell any more. They go before the disk is made to forget.
create table _erasing (
    customer text not null,
    account text not null,
    words text not null,                  -- JSON: addresses and users; later, what is left: unfinished.c
    touched_at integer not null,             -- wall clock, milliseconds: when whoever is at it last said so
    primary key (customer, account)
);

-- Where the drift check of each type stands: the list is walked once more and compared.
create table _checks (
    type text not null,
    account text not null,
    state text not null,                  -- waiting, walking, unseen, confirming, done, skipped
    list integer not null default 0,      -- which of the type's lists
    cursor text not null default '',    -- the last id that was compared
    at_ticket integer not null default 0,  -- where the look for what was not shown stands
    started_ticket integer not null default 0,
    started_at integer not null default 0,
    finished_at integer not null default 0,
    compared integer not null default 0,
    repair integer not null,              -- differences are made due
    permitted integer not null,           -- deletions do not count for the fuse: a person said so
    paced integer not null,               -- with a small share of the budget
    reason text,
    primary key (type, account)
);
create index _checks_open on _checks (account) where state not in ('done', 'skipped');

-- What the latest check of a type found otherwise than at Stripe.
create table _drift (
    type text not null,
    account text not null,
    id text not null,
    what text not null,                   -- missing, changed, gone, back
    revision integer not null,             -- of the row that was compared; 0: there was none
    fields text not null,                 -- that differ, commas between them
    confirmed integer not null default 0, -- its own GET said so, too
    found_at integer not null,
    primary key (type, account, id)
);

-- Former versions, with what changed them.
create table _history (
    type text not null,
    account text not null,
    id text not null,
    revision integer not null,            -- of the version kept here
    since integer not null,               -- wall clock: when it was stored
    until integer not null,               -- wall clock: when it was replaced
    deleted integer not null,
    cause text not null,                  -- what replaced it
    data text not null,
    primary key (type, account, id, revision)
);
create index _history_until on _history (until);

-- Where each list walk stands.
create table _walks (
    type text not null,
    variant text not null,                -- which of the type's lists: its query, or its parent's id
    account text not null,
    cursor text not null default '',      -- the last id that was stored
    run integer not null default 0,       -- one more for each walk from the start
    started_ticket integer not null default 0,
    started_at integer not null default 0,
    finished_at integer not null default 0,   -- 0: not finished in this run
    complete_at integer not null default 0,   -- when a walk was last complete
    complete_ticket integer not null default 0,
    objects integer not null default 0,   -- seen in this run
    pages integer not null default 0,
    state text not null default 'waiting',    -- waiting, walking, complete, skipped, failed
    reason text,
    primary key (type, variant, account)
);
create index _walks_account on _walks (account, type);
create index _walks_open on _walks (account) where state in ('waiting', 'walking');

-- Each customer's subscription state, written in the transaction of what it rests on.
create table _states (
    customer text not null,
    account text not null,
    value text not null,                  -- JSON
    revision integer not null,            -- from _sequence: greater with each change
    changed_at integer not null,          -- wall clock, milliseconds
    synced_at integer not null default 0, -- likewise: when the last full sync began
    entitled_at integer not null default 0, -- when the last that listed its entitlements began
    live integer not null default 0,    -- how many of its subscriptions are live
    delivered integer not null default 0, -- the revision that the key-value server has
    primary key (customer, account)
);
create index _states_several on _states (account, customer) where live > 1;
create index _states_due on _states (revision) where delivered < revision;

-- Which customer a user of yours has: one row a user. state: none, found (a customer whose metadata
-- names the user), creating (an operation is under way), bound (asked for here, or taken over), forgotten
-- (erased: the row goes as soon as the key-value server has no pair of the user).
create table _users (
    user_id text not null,
    account text not null,
    state text not null default 'none',
    customer text,                        -- null while there is none
    bindings integer not null default 0,  -- how many there were, the present one included
    bound_at integer not null default 0,  -- wall clock, milliseconds
    wanted text,                          -- what the latest caller wishes a new customer to be
    op text,                              -- the operation that creates one; its key is op/<op>/…
    form text,                            -- its parameters, frozen at its start
    attempt integer not null default 0,   -- the last part of its key
    started_at integer not null default 0,-- wall clock, milliseconds: when it began,
    key_at integer not null default 0,    -- and when its present key was first used
    revision integer not null default 0,  -- from _sequence: greater with each change of customer
    changed_at integer not null default 0,
    delivered integer not null default 0, -- the revision that the key-value server has
    primary key (user_id, account)
);
create index _users_customer on _users (account, customer) where customer is not null;
create index _users_due on _users (revision) where delivered < revision;

-- Living customers whose metadata names a user, whoever created them.
create table _user_links (
    customer text not null,
    account text not null,
    user_id text not null,
    created integer not null,             -- Stripe's seconds: the oldest customer counts
    primary key (customer, account)
);
create index _user_links_user on _user_links (account, user_id, created, customer);

-- Customers that users had before, and why they have them no more.
create table _user_history (
    user_id text not null,
    account text not null,
    binding integer not null,
    customer text not null,
    bound_at integer not null,            -- wall clock, milliseconds
    ended_at integer not null,
    why text not null,
    primary key (user_id, account, binding)
);
create index _user_history_customer on _user_history (account, customer);

-- Audit of every call to Stripe: no bodies, no secrets.
create table _calls (
    seq integer primary key,
    at integer not null,
    method text not null,
    path text not null,
    account text,
    status integer,                       -- null: no answer arrived
    request_id text,
    idempotency_key text,
    duration_ms integer not null,
    lane integer not null,
    cause text not null,
    limit_reason text,
    error text
);
create index _calls_at on _calls (at);
create index _calls_path on _calls (path, at);

-- Operations on the catalogue (catalog/saga.h). What was asked and what follows from it are frozen
-- when it begins; where it stands moves on. Kept for good: they are the audit.
create table _ops (
    id text primary key,                  -- op_…
    account text not null,
    kind text not null,                   -- price.replace, product.archive, …
    product text not null default '',     -- what it holds while it runs; '': nothing yet
    actor text not null,                  -- who asked
    api_key text not null default '',     -- with whose key, redacted
    caller_key text,                      -- the caller's own Idempotency-Key
    dry_run integer not null default 0,   -- 1: a plan alone
    input text not null,                  -- JSON, as it was asked
    plan text not null default '',        -- JSON: its steps; '': not made yet
    state text not null default 'new',    -- new, forward, back, done, undone, refused, planned, stuck
    step integer not null default 0,      -- where it stands, from 1
    reason text,                          -- why it is refused, going back or stuck: a name
    note text,                            -- for people: what it waits for, or how it ended
    refusal text,                         -- JSON: what Stripe, or a check before, said
    differences text,                     -- JSON: what a stuck one has left, with what mends it
    waits integer not null default 0,     -- pauses in a row
    rounds integer not null default 0,    -- how often steps were taken anew
    abort_asked integer not null default 0,
    created_at integer not null,          -- wall clock, milliseconds
    changed_at integer not null,
    ended_at integer,
    ended_ticket integer not null default 0 -- from _sequence: who has read before, reads again
);
create unique index _ops_holder on _ops (account, product)
    where state in ('forward', 'back') and product <> '';
create unique index _ops_caller on _ops (account, caller_key) where caller_key is not null;
create index _ops_ended on _ops (account, product, ended_ticket);
create index _ops_created on _ops (account, created_at, id);
create index _ops_open on _ops (account, created_at, id)
    where state in ('new', 'forward', 'back') or state = 'stuck' and reason <> 'moved';

-- The journal of the operations: written before each request, and again when its answer is known.
create table _op_steps (
    op text not null,
    step integer not null,                -- 100 + n undoes step n
    attempt integer not null,
    method text not null,
    path text not null,
    form text not null,
    idempotency_key text not null,        -- op/<op>/<step>/<attempt>; '' where there is none
    state text not null,                  -- sent (nobody knows what became of it), done, found (it
                                          -- was so already), refused, settled (a stored 5xx)
    sends integer not null default 1,
    status integer,
    request_id text,
    replayed integer not null default 0,
    object text,                          -- the id of what it made
    error text,
    began_at integer not null,            -- wall clock, milliseconds
    ended_at integer,
    duration_ms integer,
    primary key (op, step, attempt)
);

-- Answers that were dropped because they were asked for before the row got what it has, or because
-- it is a tombstone: for whoever wonders (brindle trace).
create table _dropped (
    type text not null,
    account text not null,
    id text not null,
    ticket integer not null,
    at integer not null,                  -- wall clock, milliseconds
    source text not null,                 -- get, list, nested, event
    reason text not null,                 -- overtaken, buried
    primary key (type, account, id, ticket)
);
create index _dropped_at on _dropped (at);

-- Whose mirror this is.
create table _environment (
    one integer primary key check (one = 1),
    name text not null,
    account text not null,
    livemode integer not null,
    created_at integer not null,
    views text not null default '',        -- the hash of the resource table that made the views
    key_print text not null default '',   -- of the key used last: a few bits of its hash
    sealed_for text not null default ''   -- another environment that took over; '': none, it is open
);

-- What befell this environment: made, key changed, sealed, opened again, purged, account lost.
create table _audit (
    seq integer primary key,
    at integer not null,                    -- wall clock, milliseconds
    what text not null,
    detail text not null
);

-- A switch from this environment to another one (env switch): its journal, while it is under way.
create table _switch (
    one integer primary key check (one = 1),
    target text not null,
    step text not null,                   -- the last one that is done
    started_at integer not null,
    notes text not null,                  -- JSON: the checklist so far
    held integer not null,                -- 1: it rests until a person goes on with it
    reseal integer not null,              -- 1: the target was not open before; going back closes it
    url text not null                     -- where the endpoint leads that is made; '': none is
);

-- Connected accounts that events or lists have told of. state: new (what waits for it is not due
-- yet), active; unreachable (the key has no
-- access any more), wrong_mode (it was made in the other mode): what is here of it is kept, and
-- Stripe is not asked.
create table _accounts (
    account text primary key,
    state text not null,
    reason text not null default '',
    since integer not null,                 -- wall clock: of this state
    asked_at integer not null default 0,     -- likewise: when an unreachable one was last tried
    walked_at integer not null default 0     -- likewise: when its lists were asked for; 0: not yet
);

-- One sequence for tickets and revisions, begun at the wall clock's microseconds.
create table _sequence (
    one integer primary key check (one = 1),
    value integer not null
);

-- Small numbers that outlive a restart.
create table _counters (
    name text primary key,
    value integer not null
) without rowid;

-- Stripe's types as this program knows them, for the view below; remade with the views.
create table _types (
    type text primary key,
    view text not null,
    events integer not null,              -- 1: Stripe tells of its changes
    walked integer not null               -- 1: its list is walked by itself; 2: in test mode alone
);

-- How complete the mirror is, by type. Times are wall clock, milliseconds. state: complete (every
-- list of the type was seen whole at complete_since, and what Stripe told of it since is here or
-- due), open (a nested list is not known to its end), unfollowed (seen whole before the events were
-- followed), partial, failed, skipped (not there for this account or key), never (not walked yet),
-- along (it comes with what it belongs to, or when it is named), unlisted (Stripe has a list of it
-- under each of more objects than sync asks for unnamed; `reason` has the command). hidden: how many are
-- there although complete lists do not show them.
create view _coverage as
with w as (
    select type, account, min(complete_at) as since,
        min(case state when 'failed' then 0 when 'walking' then 1 when 'waiting' then 2
            when 'skipped' then 3 else 4 end) as state,
        min(case when state = 'skipped' or complete_at > 0 then 1 else 0 end) as whole,
        max(reason) as reason
    from _walks where variant not like 'parent=%' group by type, account
), n as (select type, account, count(*) as n from objects group by type, account),
d as (select type, account, count(*) as n from objects where deleted = 1 group by type, account),
l as (select type, account, count(*) as n from objects where open_lists > 0 group by type, account),
h as (select type, account, count(*) as n from objects where ticket > hidden group by type, account),
c as (select type, account, started_at from _checks where state = 'done'),
e as (
    select account, livemode, '' as suffix from _environment
    union all
    select a.account, o.livemode, ':' || a.account from _accounts a, _environment o
),
v as (
    select e.account, coalesce(r.value, 0) as read_at, coalesce(b.value, 0) as begun_at
    from e left join _counters r on r.name = 'events_read' || e.suffix
    left join _counters b on b.name = 'events_begun' || e.suffix
),
t as (
    select type, view, events, case when walked = 2 then 1 - e.livemode else walked end as walked
    from _types, _environment e
    union all
    select distinct n.type, '', 0, 0 from n where n.type not in (select type from _types)
)
select t.type, t.view, e.account, coalesce(n.n, 0) - coalesce(d.n, 0) as objects,
    coalesce(d.n, 0) as tombstones, coalesce(l.n, 0) as open_lists, t.events,
    case w.state when 0 then 'failed' when 1 then 'walking' when 2 then 'waiting'
        when 3 then 'skipped' when 4 then 'complete' end as walk,
    case when t.walked = 0 and w.state = 3 then case when w.reason like 'each of %' then 'unlisted' else 'skipped' end
        when t.walked = 0 and w.type is not null and w.since = 0 then case w.state when 0 then 'failed' else 'partial' end
        when t.walked = 0 and coalesce(w.since, 0) = 0 then 'along'
        when w.type is null then 'never'
        when w.state = 3 then 'skipped'
        when w.whole = 0 then case w.state when 0 then 'failed' else 'partial' end
        when coalesce(l.n, 0) > 0 then 'open'
        when t.events = 1 and (v.begun_at = 0 or w.since < v.begun_at - 300000) then 'unfollowed'
        else 'complete' end as state,
    coalesce(w.since, 0) as complete_since,
    case when coalesce(w.since, 0) = 0 then 0
        when t.events = 1 and v.begun_at > 0 and w.since >= v.begun_at - 300000
            and v.read_at - 300000 > w.since then v.read_at - 300000
        when coalesce(c.started_at, 0) > w.since then c.started_at
        else w.since end as fresh_at,
    w.reason, coalesce(h.n, 0) as hidden
from t cross join e join v on v.account = e.account
left join n on n.type = t.type and n.account = e.account
left join d on d.type = t.type and d.account = e.account
left join l on l.type = t.type and l.account = e.account
left join h on h.type = t.type and h.account = e.account
left join w on w.type = t.type and w.account = e.account
left join c on c.type = t.type and c.account = e.account;
