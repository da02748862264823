-- What people keep beside findings: notes, filters, rules that suppress, exceptions to rules, and what was done.

CREATE TABLE finding_notes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    finding TEXT NOT NULL,                  -- id of findings
    time_ms INTEGER NOT NULL,
    author TEXT NOT NULL,
    text TEXT NOT NULL
);
CREATE INDEX finding_notes_finding ON finding_notes (finding, id);

-- `owner` is "user:ID" or "token:ID", owner_name what people see. One of each owner's own may be `preferred`.
CREATE TABLE finding_filters (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    owner TEXT NOT NULL,
    owner_name TEXT NOT NULL,
    name TEXT NOT NULL,
    filter TEXT NOT NULL,
    shared INTEGER NOT NULL CHECK (shared IN (0, 1)),
    preferred INTEGER NOT NULL CHECK (preferred IN (0, 1)),
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    UNIQUE (owner, name)
);
CREATE UNIQUE INDEX finding_filters_preferred ON finding_filters (owner) WHERE preferred = 1;

CREATE TABLE finding_suppressions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    filter TEXT NOT NULL,
    reason TEXT NOT NULL,
    author TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,            -- 0: never
    hits INTEGER NOT NULL DEFAULT 0,        -- alerts
    last_hit_ms INTEGER NOT NULL DEFAULT 0
);

-- `mark` is the exception's name within the rule's document.
CREATE TABLE finding_exceptions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    mark TEXT NOT NULL UNIQUE,
    rule TEXT NOT NULL,
    finding TEXT NOT NULL,                  -- it was made from; empty: none
    fields TEXT NOT NULL,                   -- JSON: [{"field","op","value"},...]
    reason TEXT NOT NULL,
    author TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,            -- 0: never
    state TEXT NOT NULL CHECK (state IN ('active', 'removed', 'expired')),
    ended_ms INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX finding_exceptions_active ON finding_exceptions (expires_ms) WHERE state = 'active';

-- What was asked for from a finding. The state of what an agent does is its order's (content_orders).
CREATE TABLE finding_responses (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    finding TEXT NOT NULL,
    action TEXT NOT NULL,
    reason TEXT NOT NULL,
    author TEXT NOT NULL,
    agent TEXT NOT NULL,
    order_id INTEGER NOT NULL DEFAULT 0,    -- 0: the server does it itself
    target TEXT NOT NULL,                   -- container, or task
    created_ms INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued', 'done', 'failed')),
    result TEXT NOT NULL DEFAULT '',
    done_ms INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX finding_responses_finding ON finding_responses (finding, id);
