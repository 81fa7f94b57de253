-- What runs report: points in column chunks, other events one row each, console text in compressed blocks, and how far each stream has come.

-- The worker that reported last; one a series, since a point has no room for a name.
ALTER TABLE series ADD COLUMN worker TEXT;

-- The chunks of a series never overlap: a step that comes again replaces the older value when it is written. A row here is
-- a summary only, so that a scan of millions of points reads few pages; the points are in `chunk_data`. A NULL value means NaN.
CREATE TABLE chunks (
    series INTEGER NOT NULL REFERENCES series (id) ON DELETE CASCADE,
    first_step INTEGER NOT NULL,
    last_step INTEGER NOT NULL,
    size INTEGER NOT NULL,
    nans INTEGER NOT NULL,
    first_value REAL,
    last_value REAL,
    min_value REAL,
    min_step INTEGER NOT NULL,
    max_value REAL,
    max_step INTEGER NOT NULL,
    total REAL,
    time_min INTEGER NOT NULL,
    time_max INTEGER NOT NULL,
    PRIMARY KEY (series, first_step)
) WITHOUT ROWID;

CREATE TABLE chunk_data (
    series INTEGER NOT NULL REFERENCES series (id) ON DELETE CASCADE,
    first_step INTEGER NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (series, first_step)
) WITHOUT ROWID;

-- Plots, images and vectors. `id` is the API's identity (an MD5 of the parts present): the same parts overwrite. `body` holds the event's other
-- fields as JSON, deflated when it is a blob.
CREATE TABLE events (
    seq INTEGER PRIMARY KEY,
    task TEXT NOT NULL,
    type TEXT NOT NULL,
    id TEXT NOT NULL,
    metric TEXT NOT NULL,
    variant TEXT NOT NULL,
    iter INTEGER NOT NULL,
    timestamp INTEGER NOT NULL,
    worker TEXT NOT NULL,
    body NOT NULL,
    UNIQUE (task, type, id)
);
CREATE INDEX events_order ON events (task, type, iter, seq);
CREATE INDEX events_metric ON events (task, type, metric, variant, iter);

-- Console entries in the order of arrival, packed into blocks. `first` is the number of a block's first entry and stays: it is what followers
-- remember. `lines` counts newlines, so that a tail opens only the blocks that it shows. An empty block keeps the numbering after a clearing.
CREATE TABLE console (
    task TEXT NOT NULL,
    first INTEGER NOT NULL,
    count INTEGER NOT NULL,
    lines INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    time_min INTEGER NOT NULL,
    time_max INTEGER NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (task, first)
) WITHOUT ROWID;

-- What is already stored of each stream of a run: the next offset that is welcome.
CREATE TABLE streams (
    run TEXT NOT NULL,
    stream TEXT NOT NULL,
    task TEXT NOT NULL,
    next INTEGER NOT NULL,
    PRIMARY KEY (run, stream)
) WITHOUT ROWID;
