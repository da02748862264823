-- What arrives: how far each agent's spool was taken, the findings that alerts were folded into, and what
-- agents last said of themselves. Alerts, activity and gaps are in the day files (day/0001-day.sql).

-- One row per spool; `n` is the last record that was taken. Sums are of the spool's whole life.
CREATE TABLE cursors (
    agent TEXT NOT NULL,
    spool TEXT NOT NULL,
    n INTEGER NOT NULL,
    alerts INTEGER NOT NULL DEFAULT 0,      -- stored
    duplicates INTEGER NOT NULL DEFAULT 0,  -- alerts whose id was there already
    activity INTEGER NOT NULL DEFAULT 0,
    gaps INTEGER NOT NULL DEFAULT 0,        -- records that declare one
    lost INTEGER NOT NULL DEFAULT 0,        -- what they declare as lost, in all
    updated_ms INTEGER NOT NULL,
    PRIMARY KEY (agent, spool)
) WITHOUT ROWID;

-- `row` is what alerts of the day files name; `id` what people see: "f", the time of its making in 12 hex digits,
-- 12 random ones (new ones stay together in the index).
CREATE TABLE findings (
    row INTEGER PRIMARY KEY AUTOINCREMENT,  -- never given twice: days name it
    id TEXT NOT NULL UNIQUE,
    key BLOB NOT NULL,
    opened_ms INTEGER NOT NULL,             -- time of the alert that made it: the middle of its window
    scope BLOB,                             -- task, container or host, hashed: what sequences look at
    stages INTEGER NOT NULL DEFAULT 0,      -- of the kill chain, a set (server/sequence.h)
    rule TEXT NOT NULL,
    policy TEXT,
    type TEXT,
    severity INTEGER NOT NULL,              -- tenths, 0 to 100; the highest of its alerts
    priority TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('new', 'acknowledged', 'archived', 'suppressed')),
    assignee TEXT,
    count INTEGER NOT NULL,
    first_seen_ms INTEGER NOT NULL,
    last_seen_ms INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    reopened INTEGER NOT NULL DEFAULT 0,    -- how often an alert came after it had been archived
    clock INTEGER NOT NULL DEFAULT 0,       -- 1: a time of its alerts was not believed, arrival stands for it
    source TEXT,
    title TEXT NOT NULL,
    output TEXT,
    container_id TEXT,
    container_name TEXT,
    image TEXT,
    image_digest TEXT,
    cluster TEXT,
    task_arn TEXT,
    task_id TEXT,
    task_family TEXT,
    task_revision TEXT,
    service TEXT,
    account TEXT,
    region TEXT,
    host TEXT,
    agent TEXT NOT NULL,
    proc_name TEXT,
    proc_exe TEXT,
    proc_cmdline TEXT,
    proc_pid INTEGER,
    user_name TEXT,
    parent_name TEXT,
    parent_exe TEXT,
    domain TEXT,
    file TEXT,
    list TEXT,
    item TEXT,
    tags TEXT NOT NULL DEFAULT '[]',        -- JSON
    sequence INTEGER NOT NULL DEFAULT 0,    -- 1: made of other findings
    members TEXT,                           -- JSON, of a sequence: [{"id","rule","stages","first_seen_ms"},...]
    version INTEGER NOT NULL DEFAULT 1      -- grows with each change
);
CREATE INDEX findings_key ON findings (key, opened_ms);
CREATE INDEX findings_scope ON findings (scope, opened_ms) WHERE scope IS NOT NULL;

-- Whole alerts of a finding, packed (store/body.h); they outlive their day. Apart, so that lists read less.
CREATE TABLE finding_bodies (
    row INTEGER PRIMARY KEY,                -- of findings
    first_alert BLOB NOT NULL,
    last_alert BLOB                         -- NULL: the first is the newest
);

-- The last heartbeat of each agent; of a sender of Falco's JSON ("falco:HOST") when it was last heard.
CREATE TABLE agent_status (
    agent TEXT PRIMARY KEY,
    received_ms INTEGER NOT NULL,
    body BLOB                               -- the heartbeat, packed; NULL: none (Falco)
) WITHOUT ROWID;
