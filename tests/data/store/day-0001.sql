BEGIN TRANSACTION;
CREATE TABLE activity (
    row INTEGER PRIMARY KEY,
    agent TEXT NOT NULL,
    spool TEXT NOT NULL,
    n INTEGER NOT NULL,
    time_ms INTEGER NOT NULL,
    kind TEXT NOT NULL,
    container_id TEXT,
    exe TEXT,
    cmdline TEXT,
    name TEXT,                              -- a file, an address, a domain: what the record is of
    body BLOB NOT NULL                      -- the record, packed
);
INSERT INTO "activity" VALUES(1,'1','1',1,1,'1','1','1','1','1',X'00FF');
CREATE TABLE alerts (
    row INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,                -- hinomi.id; Falco's: falco:HOST:UUID
    agent TEXT NOT NULL,
    spool TEXT,                             -- NULL: Falco
    n INTEGER NOT NULL,
    finding INTEGER NOT NULL,               -- findings.row
    time_ms INTEGER NOT NULL,
    received_ms INTEGER NOT NULL,
    rule TEXT NOT NULL,
    severity INTEGER NOT NULL,
    body BLOB NOT NULL                      -- Alert v1, packed (store/body.h)
);
INSERT INTO "alerts" VALUES(1,'1','1','1',1,1,1,1,'1',1,X'00FF');
CREATE TABLE gaps (
    row INTEGER PRIMARY KEY,
    agent TEXT NOT NULL,
    spool TEXT,
    n INTEGER NOT NULL,
    to_n INTEGER NOT NULL,
    kind TEXT NOT NULL,
    from_ms INTEGER,
    to_ms INTEGER,
    count INTEGER,                          -- lost; NULL: not known
    container_id TEXT,
    received_ms INTEGER NOT NULL,
    body TEXT NOT NULL                      -- the record as it came
);
INSERT INTO "gaps" VALUES(1,'1','1',1,1,'1',1,1,1,'1',1,'1');
CREATE INDEX alerts_finding ON alerts (finding);
COMMIT;
PRAGMA user_version=1;
