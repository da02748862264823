-- Who is told of findings: channels, the rules that choose, and what was sent or waits.

CREATE TABLE notify_channels (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    language TEXT NOT NULL CHECK (language IN ('en', 'ja')),
    config TEXT NOT NULL,                   -- JSON, what anybody may see
    secrets TEXT NOT NULL,                  -- JSON, what nobody is shown
    author TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    delivered_ms INTEGER NOT NULL DEFAULT 0,
    failed_ms INTEGER NOT NULL DEFAULT 0,
    error TEXT NOT NULL DEFAULT ''          -- of the newest attempt; empty: it did not fail
);

CREATE TABLE notify_rules (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    filter TEXT NOT NULL,
    channels TEXT NOT NULL,                 -- JSON array of ids
    language TEXT NOT NULL CHECK (language IN ('', 'en', 'ja')), -- empty: the channel's
    throttle_s INTEGER NOT NULL,
    author TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    matched_ms INTEGER NOT NULL DEFAULT 0
);

-- When a rule last led a message to a channel, and how many findings found the queue full since.
CREATE TABLE notify_paces (
    rule INTEGER NOT NULL,
    channel INTEGER NOT NULL,
    led_ms INTEGER NOT NULL DEFAULT 0,
    overflow INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (rule, channel)
) WITHOUT ROWID;
CREATE INDEX notify_paces_overflow ON notify_paces (rule, channel) WHERE overflow > 0;

CREATE TABLE notify_deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    channel INTEGER NOT NULL,
    rule INTEGER NOT NULL,                  -- 0: a test
    finding TEXT NOT NULL,                  -- id of findings; empty: a test
    cause TEXT NOT NULL CHECK (cause IN ('new', 'reopened', 'raised', 'test')),
    severity INTEGER NOT NULL,              -- tenths, then
    language TEXT NOT NULL,                 -- empty: the channel's
    state TEXT NOT NULL CHECK (state IN ('queued', 'delivered', 'dead', 'held')),
    led INTEGER NOT NULL,                   -- 1: it may be sent; 0: its rule's throttle is to be asked
    told_by INTEGER NOT NULL DEFAULT 0,     -- of held: the delivery that tells of it
    held INTEGER NOT NULL DEFAULT 0,        -- how many more it tells of
    attempts INTEGER NOT NULL DEFAULT 0,
    created_ms INTEGER NOT NULL,
    due_ms INTEGER NOT NULL,
    done_ms INTEGER NOT NULL DEFAULT 0,
    status INTEGER NOT NULL DEFAULT 0,
    result TEXT NOT NULL DEFAULT ''
);
CREATE INDEX notify_deliveries_due ON notify_deliveries (channel, due_ms, id) WHERE state = 'queued' AND led = 1;
CREATE INDEX notify_deliveries_waiting ON notify_deliveries (rule, channel) WHERE state = 'queued' AND led = 0;
CREATE INDEX notify_deliveries_tests ON notify_deliveries (id) WHERE state = 'queued' AND cause = 'test';
CREATE INDEX notify_deliveries_dead ON notify_deliveries (channel, id) WHERE state = 'dead';
CREATE INDEX notify_deliveries_finding ON notify_deliveries (finding) WHERE finding <> '';
CREATE INDEX notify_deliveries_told ON notify_deliveries (told_by) WHERE told_by <> 0;
