-- How far each table of each day is valid: rows beyond were never acknowledged.
CREATE TABLE day_marks (
    day INTEGER NOT NULL, -- its beginning, ms since 1970
    name TEXT NOT NULL,   -- of the table
    last INTEGER NOT NULL,
    PRIMARY KEY (day, name)
) STRICT, WITHOUT ROWID;

-- One row, written to see whether writing works.
CREATE TABLE probe (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    count INTEGER NOT NULL
) STRICT;
INSERT INTO probe VALUES (1, 0);
