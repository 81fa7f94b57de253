-- Queues with what waits in them, who took what, and the workers with what they report.

CREATE TABLE queues (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL UNIQUE,
    display_name TEXT,
    user TEXT,
    company TEXT,
    created TEXT NOT NULL,
    last_update TEXT NOT NULL,
    tags TEXT,
    system_tags TEXT,
    metadata TEXT
);

-- Every store has the queue that clients without a queue's name use. Nobody made it.
INSERT INTO queues (id, name, created, last_update, system_tags)
SELECT lower(hex(randomblob(16))), 'default', moment, moment, '["default"]'
FROM (SELECT strftime('%Y-%m-%dT%H:%M:%f000+00:00', 'now') AS moment);

-- `place` orders a queue: the smallest is next.
CREATE TABLE queue_entries (
    queue TEXT NOT NULL REFERENCES queues (id) ON DELETE CASCADE,
    task TEXT NOT NULL,
    place INTEGER NOT NULL,
    added TEXT NOT NULL,
    PRIMARY KEY (queue, task)
) WITHOUT ROWID;
CREATE INDEX queue_entries_place ON queue_entries (queue, place);
CREATE INDEX queue_entries_task ON queue_entries (task);

-- Each time that a task was taken from a queue: the number of the attempt grows for ever, also over a reset.
CREATE TABLE claims (
    task TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    queue TEXT NOT NULL,
    worker TEXT NOT NULL,
    user TEXT,
    added TEXT NOT NULL,
    claimed TEXT NOT NULL,
    PRIMARY KEY (task, attempt)
) WITHOUT ROWID;

-- A worker is forgotten `timeout_s` after its last sign of life (`seen`, seconds since 1970); readers decide by their own clock.
CREATE TABLE workers (
    seq INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    id TEXT NOT NULL,
    user TEXT NOT NULL,
    company TEXT NOT NULL,
    ip TEXT NOT NULL,
    registered TEXT NOT NULL,
    timeout_s INTEGER NOT NULL,
    seen REAL NOT NULL,
    reported REAL,
    task TEXT,
    queue TEXT,
    queues TEXT NOT NULL,
    tags TEXT NOT NULL,
    system_tags TEXT NOT NULL
);

-- One row a report; `time` is the worker's, in ms since 1970. `stats` holds a list of numbers for each key.
CREATE TABLE worker_reports (
    worker TEXT NOT NULL,
    time INTEGER NOT NULL,
    task TEXT,
    stats TEXT NOT NULL,
    PRIMARY KEY (worker, time)
) WITHOUT ROWID;
CREATE INDEX worker_reports_time ON worker_reports (time);
