-- Policies, rules, macros and lists of the users, each as it was in every version. A row holds from the version
-- `added` until before `removed` (NULL: still). Rows of a version that content_versions does not have yet are
-- being staged, and nobody sees them.

CREATE TABLE content_versions (
    version INTEGER PRIMARY KEY,
    time_ms INTEGER NOT NULL,
    author TEXT NOT NULL,
    comment TEXT NOT NULL,
    managed TEXT NOT NULL                   -- SHA-256 of the managed content it was made with
);

-- `part`: own, override (of one that is managed), toggle. `base`: hash of the managed text that was overridden.
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
CREATE UNIQUE INDEX content_documents_now ON content_documents (kind, name, part) WHERE removed IS NULL;
CREATE INDEX content_documents_place ON content_documents (place);
CREATE INDEX content_documents_name ON content_documents (kind, name, added);

-- Items appended by hand or imported (sign 1), and items of a list's text that were taken out (sign -1).
CREATE TABLE content_items (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    list TEXT NOT NULL,
    item TEXT NOT NULL,
    sign INTEGER NOT NULL CHECK (sign IN (-1, 1)),
    note TEXT NOT NULL DEFAULT '',
    added INTEGER NOT NULL,
    removed INTEGER
);
CREATE UNIQUE INDEX content_items_now ON content_items (list, item) WHERE removed IS NULL;
CREATE INDEX content_items_gone ON content_items (removed) WHERE removed IS NOT NULL;
CREATE INDEX content_items_added ON content_items (added);

-- What each version changed.
CREATE TABLE content_changes (
    version INTEGER NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    action TEXT NOT NULL,                   -- "create", "change", "append", ...
    appended INTEGER NOT NULL DEFAULT 0,    -- items
    removed INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (version, kind, name)
) WITHOUT ROWID;
CREATE INDEX content_changes_name ON content_changes (kind, name, version);

-- What single agents are to do. `instance`: of the agent's process that was given it.
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
CREATE INDEX content_orders_open ON content_orders (agent, id) WHERE state IN ('queued', 'delivered');
CREATE INDEX content_orders_finding ON content_orders (finding);
