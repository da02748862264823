BEGIN TRANSACTION;
CREATE TABLE day_marks (
    day INTEGER NOT NULL, -- its beginning, ms since 1970
    name TEXT NOT NULL,   -- of the table
    last INTEGER NOT NULL,
    PRIMARY KEY (day, name)
) STRICT, WITHOUT ROWID;
INSERT INTO "day_marks" VALUES(1,'1',1);
CREATE TABLE probe (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    count INTEGER NOT NULL
) STRICT;
INSERT INTO "probe" VALUES(1,0);
COMMIT;
PRAGMA user_version=1;
