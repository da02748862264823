BEGIN TRANSACTION;
CREATE TABLE agent_status (
    agent TEXT PRIMARY KEY,
    received_ms INTEGER NOT NULL,
    body BLOB                               -- the heartbeat, packed; NULL: none (Falco)
) WITHOUT ROWID;
INSERT INTO "agent_status" VALUES('1',1,X'00FF');
CREATE TABLE agents (
    row INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('active', 'revoked', 'cloned')),
    state_ms INTEGER NOT NULL,
    enrolment INTEGER NOT NULL REFERENCES enrolments (id),
    cluster TEXT NOT NULL,
    labels TEXT NOT NULL,
    version TEXT NOT NULL,
    kernel TEXT NOT NULL,
    hostname TEXT NOT NULL,
    sensor TEXT NOT NULL,
    address TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    seen_ms INTEGER NOT NULL,
    forget_ms INTEGER NOT NULL,
    instance TEXT NOT NULL,
    instance_ms INTEGER NOT NULL,
    before TEXT NOT NULL DEFAULT ''
);
INSERT INTO "agents" VALUES(1,'1','1','active',1,1,'1','1','1','1','1','1','1',1,1,1,'1',1,'1');
CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    time_ms INTEGER NOT NULL,
    kind TEXT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    object TEXT NOT NULL,
    result TEXT NOT NULL CHECK (result IN ('ok', 'refused', 'failed')),
    address TEXT NOT NULL,
    request TEXT NOT NULL,
    detail TEXT NOT NULL
);
INSERT INTO "audit" VALUES(1,1,'1','1','1','1','ok','1','1','1');
CREATE TABLE content_changes (
    version INTEGER NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    action TEXT NOT NULL,                   -- "create", "change", "append", ...
    appended INTEGER NOT NULL DEFAULT 0,    -- items
    removed INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (version, kind, name)
) WITHOUT ROWID;
INSERT INTO "content_changes" VALUES(1,'1','1','1',1,1);
CREATE TABLE content_documents (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL CHECK (kind IN ('policy', 'rule', 'macro', 'list')),
    name TEXT NOT NULL,
    part TEXT NOT NULL CHECK (part IN ('own', 'override', 'toggle')),
    place INTEGER NOT NULL,                 -- order of definition
    text TEXT NOT NULL,
    base TEXT NOT NULL,
    added INTEGER NOT NULL,
    removed INTEGER
);
INSERT INTO "content_documents" VALUES(1,'policy','1','own',1,'1','1',1,1);
CREATE TABLE content_items (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    list TEXT NOT NULL,
    item TEXT NOT NULL,
    sign INTEGER NOT NULL CHECK (sign IN (-1, 1)),
    note TEXT NOT NULL DEFAULT '',
    added INTEGER NOT NULL,
    removed INTEGER
);
INSERT INTO "content_items" VALUES(1,'1','1',1,'1',1,1);
CREATE TABLE content_orders (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    agent TEXT NOT NULL,
    kind TEXT NOT NULL,
    container TEXT NOT NULL,
    pid INTEGER NOT NULL,
    start_ns INTEGER NOT NULL,
    finding TEXT NOT NULL,
    author TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued', 'delivered', 'done', 'failed', 'expired')),
    instance TEXT NOT NULL DEFAULT '',
    done_ms INTEGER NOT NULL DEFAULT 0,
    result TEXT NOT NULL DEFAULT ''
);
INSERT INTO "content_orders" VALUES(1,'1','1','1',1,1,'1','1',1,1,'queued','1',1,'1');
CREATE TABLE content_versions (
    version INTEGER PRIMARY KEY,
    time_ms INTEGER NOT NULL,
    author TEXT NOT NULL,
    comment TEXT NOT NULL,
    managed TEXT NOT NULL                   -- SHA-256 of the managed content it was made with
);
INSERT INTO "content_versions" VALUES(1,1,'1','1','1');
CREATE TABLE credentials (
    hash BLOB PRIMARY KEY CHECK (length(hash) = 32),
    agent TEXT NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    created_ms INTEGER NOT NULL,
    used_ms INTEGER NOT NULL DEFAULT 0,
    until_ms INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
INSERT INTO "credentials" VALUES(X'0101010101010101010101010101010101010101010101010101010101010101','1',1,1,1);
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
INSERT INTO "cursors" VALUES('1','1',1,1,1,1,1,1,1);
CREATE TABLE day_marks (
    day INTEGER NOT NULL, -- its beginning, ms since 1970
    name TEXT NOT NULL,   -- of the table
    last INTEGER NOT NULL,
    PRIMARY KEY (day, name)
) STRICT, WITHOUT ROWID;
INSERT INTO "day_marks" VALUES(1,'1',1);
CREATE TABLE enrolments (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    name TEXT NOT NULL,
    cluster TEXT NOT NULL,
    labels TEXT NOT NULL,
    maker TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    revoked_ms INTEGER NOT NULL DEFAULT 0,
    max_uses INTEGER NOT NULL,
    uses INTEGER NOT NULL DEFAULT 0,
    forget_ms INTEGER NOT NULL DEFAULT 0
);
INSERT INTO "enrolments" VALUES(1,X'0101010101010101010101010101010101010101010101010101010101010101','1','1','1','1',1,1,1,1,1,1);
CREATE TABLE finding_bodies (
    row INTEGER PRIMARY KEY,                -- of findings
    first_alert BLOB NOT NULL,
    last_alert BLOB                         -- NULL: the first is the newest
);
INSERT INTO "finding_bodies" VALUES(1,X'00FF',X'00FF');
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
INSERT INTO "finding_exceptions" VALUES(1,'1','1','1','1','1','1',1,1,'active',1);
CREATE TABLE finding_filters (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    owner TEXT NOT NULL,
    owner_name TEXT NOT NULL,
    name TEXT NOT NULL,
    filter TEXT NOT NULL,
    shared INTEGER NOT NULL CHECK (shared IN (0, 1)),
    preferred INTEGER NOT NULL CHECK (preferred IN (0, 1)),
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL, view TEXT NOT NULL DEFAULT '',
    UNIQUE (owner, name)
);
INSERT INTO "finding_filters" VALUES(1,'1','1','1','1',0,0,1,1,'1');
CREATE TABLE finding_notes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    finding TEXT NOT NULL,                  -- id of findings
    time_ms INTEGER NOT NULL,
    author TEXT NOT NULL,
    text TEXT NOT NULL
);
INSERT INTO "finding_notes" VALUES(1,'1',1,'1','1');
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
INSERT INTO "finding_responses" VALUES(1,'1','1','1','1','1',1,'1',1,'queued','1',1);
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
INSERT INTO "finding_suppressions" VALUES(1,'1','1','1','1',1,1,1,1);
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
INSERT INTO "findings" VALUES(1,'1',X'00FF',1,X'00FF',1,'1','1','1',1,'1','new','1',1,1,1,1,1,1,1,'1','1','1','1','1','1','1','1','1','1','1','1','1','1','1','1','1','1','1','1',1,'1','1','1','1','1','1','1','1',1,'1',1);
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
INSERT INTO "notify_channels" VALUES(1,'1','1',0,'en','1','1','1',1,1,1,1,'1');
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
INSERT INTO "notify_deliveries" VALUES(1,1,1,'1','new',1,'1','queued',1,1,1,1,1,1,1,1,'1');
CREATE TABLE notify_paces (
    rule INTEGER NOT NULL,
    channel INTEGER NOT NULL,
    led_ms INTEGER NOT NULL DEFAULT 0,
    overflow INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (rule, channel)
) WITHOUT ROWID;
INSERT INTO "notify_paces" VALUES(1,1,1,1);
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
INSERT INTO "notify_rules" VALUES(1,'1',0,'1','1','',1,'1',1,1,1);
CREATE TABLE probe (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    count INTEGER NOT NULL
) STRICT;
INSERT INTO "probe" VALUES(1,0);
CREATE TABLE sessions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    user INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_ms INTEGER NOT NULL,
    seen_ms INTEGER NOT NULL,
    address TEXT NOT NULL,
    program TEXT NOT NULL
);
INSERT INTO "sessions" VALUES(1,X'0101010101010101010101010101010101010101010101010101010101010101',1,1,1,'1','1');
CREATE TABLE tokens (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    user INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    may INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    revoked_ms INTEGER NOT NULL DEFAULT 0,
    seen_ms INTEGER NOT NULL DEFAULT 0
);
INSERT INTO "tokens" VALUES(1,X'0101010101010101010101010101010101010101010101010101010101010101',1,'1',1,1,1,1,1);
CREATE TABLE users (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE COLLATE NOCASE,
    display_name TEXT NOT NULL DEFAULT '',
    role TEXT NOT NULL CHECK (role IN ('viewer', 'analyst', 'admin')),
    password TEXT NOT NULL,
    disabled INTEGER NOT NULL DEFAULT 0 CHECK (disabled IN (0, 1)),
    language TEXT NOT NULL DEFAULT '',
    theme TEXT NOT NULL DEFAULT '',
    time_zone TEXT NOT NULL DEFAULT '',
    created_ms INTEGER NOT NULL,
    password_ms INTEGER NOT NULL,
    login_ms INTEGER NOT NULL DEFAULT 0
);
INSERT INTO "users" VALUES(1,'1','1','viewer','1',0,'1','1','1',1,1,1);
CREATE INDEX sessions_user ON sessions (user, id);
CREATE INDEX sessions_seen ON sessions (seen_ms);
CREATE INDEX tokens_user ON tokens (user, id);
CREATE INDEX agents_enrolment ON agents (enrolment);
CREATE INDEX agents_forget ON agents (seen_ms) WHERE forget_ms > 0;
CREATE INDEX credentials_agent ON credentials (agent);
CREATE INDEX audit_time ON audit (time_ms);
CREATE INDEX audit_actor ON audit (actor, id);
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log is only appended to');
END;
CREATE TRIGGER audit_is_not_removed BEFORE DELETE ON audit
WHEN OLD.id > (SELECT max(id) FROM audit) - 1000000
BEGIN
    SELECT RAISE(ABORT, 'the audit log is only appended to');
END;
CREATE INDEX findings_key ON findings (key, opened_ms);
CREATE INDEX findings_scope ON findings (scope, opened_ms) WHERE scope IS NOT NULL;
CREATE UNIQUE INDEX content_documents_now ON content_documents (kind, name, part) WHERE removed IS NULL;
CREATE INDEX content_documents_place ON content_documents (place);
CREATE INDEX content_documents_name ON content_documents (kind, name, added);
CREATE UNIQUE INDEX content_items_now ON content_items (list, item) WHERE removed IS NULL;
CREATE INDEX content_items_gone ON content_items (removed) WHERE removed IS NOT NULL;
CREATE INDEX content_items_added ON content_items (added);
CREATE INDEX content_changes_name ON content_changes (kind, name, version);
CREATE INDEX content_orders_open ON content_orders (agent, id) WHERE state IN ('queued', 'delivered');
CREATE INDEX content_orders_finding ON content_orders (finding);
CREATE INDEX finding_notes_finding ON finding_notes (finding, id);
CREATE UNIQUE INDEX finding_filters_preferred ON finding_filters (owner) WHERE preferred = 1;
CREATE INDEX finding_exceptions_active ON finding_exceptions (expires_ms) WHERE state = 'active';
CREATE INDEX finding_responses_finding ON finding_responses (finding, id);
CREATE INDEX audit_object ON audit (object, id);
CREATE INDEX notify_paces_overflow ON notify_paces (rule, channel) WHERE overflow > 0;
CREATE INDEX notify_deliveries_due ON notify_deliveries (channel, due_ms, id) WHERE state = 'queued' AND led = 1;
CREATE INDEX notify_deliveries_waiting ON notify_deliveries (rule, channel) WHERE state = 'queued' AND led = 0;
CREATE INDEX notify_deliveries_tests ON notify_deliveries (id) WHERE state = 'queued' AND cause = 'test';
CREATE INDEX notify_deliveries_dead ON notify_deliveries (channel, id) WHERE state = 'dead';
CREATE INDEX notify_deliveries_finding ON notify_deliveries (finding) WHERE finding <> '';
CREATE INDEX notify_deliveries_told ON notify_deliveries (told_by) WHERE told_by <> 0;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('users',1);
INSERT INTO "sqlite_sequence" VALUES('sessions',1);
INSERT INTO "sqlite_sequence" VALUES('tokens',1);
INSERT INTO "sqlite_sequence" VALUES('enrolments',1);
INSERT INTO "sqlite_sequence" VALUES('agents',1);
INSERT INTO "sqlite_sequence" VALUES('audit',1);
INSERT INTO "sqlite_sequence" VALUES('findings',1);
INSERT INTO "sqlite_sequence" VALUES('content_documents',1);
INSERT INTO "sqlite_sequence" VALUES('content_items',1);
INSERT INTO "sqlite_sequence" VALUES('content_orders',1);
INSERT INTO "sqlite_sequence" VALUES('finding_notes',1);
INSERT INTO "sqlite_sequence" VALUES('finding_filters',1);
INSERT INTO "sqlite_sequence" VALUES('finding_suppressions',1);
INSERT INTO "sqlite_sequence" VALUES('finding_exceptions',1);
INSERT INTO "sqlite_sequence" VALUES('finding_responses',1);
INSERT INTO "sqlite_sequence" VALUES('notify_channels',1);
INSERT INTO "sqlite_sequence" VALUES('notify_rules',1);
INSERT INTO "sqlite_sequence" VALUES('notify_deliveries',1);
COMMIT;
PRAGMA user_version=8;
