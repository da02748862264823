-- What language models said of findings, and what was asked of them. `body` is what was taken of the answer; of a failed
-- one `error` says why. One that was removed stays, without its words, since it counts towards the quota.

CREATE TABLE finding_summaries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    finding TEXT NOT NULL,                  -- id of findings
    language TEXT NOT NULL,                 -- BCP 47
    author TEXT NOT NULL,                   -- who asked
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued', 'done', 'failed', 'removed')),
    prompt_hash TEXT NOT NULL DEFAULT '',   -- SHA-256 of what was sent
    body TEXT NOT NULL DEFAULT '',
    error TEXT NOT NULL DEFAULT '',
    input_tokens INTEGER NOT NULL DEFAULT -1,
    output_tokens INTEGER NOT NULL DEFAULT -1,
    done_ms INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX finding_summaries_finding ON finding_summaries (finding, id);
CREATE INDEX finding_summaries_created ON finding_summaries (created_ms);
