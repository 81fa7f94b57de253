-- Documents of the API, and one summary row a series.
--
-- A document is one row: its plain fields are columns, its objects and lists are JSON text columns, so a query reads and decodes only what it
-- names. What is large and rarely listed (script, execution, configuration) lies in a table apart, so that a scan of all tasks stays small.
-- `seq` is the order of insertion. Dates are text of one fixed form (2026-01-31T12:00:00.000000+00:00), so they compare as text.

CREATE TABLE users (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    role TEXT NOT NULL DEFAULT 'user',
    company TEXT,
    created TEXT NOT NULL
);

CREATE TABLE projects (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL UNIQUE,
    basename TEXT NOT NULL,
    description TEXT,
    parent TEXT,
    user TEXT,
    company TEXT,
    created TEXT NOT NULL,
    last_update TEXT NOT NULL,
    tags TEXT,
    system_tags TEXT,
    default_output_destination TEXT
);
CREATE INDEX projects_parent ON projects (parent);

CREATE TABLE tasks (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    type TEXT NOT NULL,
    status TEXT NOT NULL,
    status_reason TEXT NOT NULL DEFAULT '',
    status_message TEXT NOT NULL DEFAULT '',
    status_changed TEXT NOT NULL,
    enqueue_status TEXT,
    comment TEXT,
    report TEXT,
    user TEXT,
    company TEXT,
    project TEXT,
    parent TEXT,
    created TEXT NOT NULL,
    started TEXT,
    completed TEXT,
    published TEXT,
    last_update TEXT NOT NULL,
    last_change TEXT NOT NULL,
    last_changed_by TEXT,
    last_worker TEXT,
    last_worker_report TEXT,
    active_duration INTEGER,
    last_iteration INTEGER NOT NULL DEFAULT 0,
    run_id TEXT,
    tags TEXT,
    system_tags TEXT,
    models TEXT,
    container TEXT,
    output TEXT,
    runtime TEXT,
    hyperparams TEXT
);
CREATE INDEX tasks_created ON tasks (created);
CREATE INDEX tasks_started ON tasks (started);
CREATE INDEX tasks_last_update ON tasks (last_update);
CREATE INDEX tasks_project ON tasks (project, created);
CREATE INDEX tasks_parent ON tasks (parent);
CREATE INDEX tasks_status ON tasks (status);
CREATE INDEX tasks_name ON tasks (name);
CREATE INDEX tasks_run_id ON tasks (run_id) WHERE run_id IS NOT NULL;

CREATE TABLE task_sections (
    seq INTEGER PRIMARY KEY REFERENCES tasks (seq) ON DELETE CASCADE,
    execution TEXT,
    script TEXT,
    configuration TEXT
);

CREATE TABLE models (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    uri TEXT,
    framework TEXT,
    ready INTEGER NOT NULL DEFAULT 0,
    task TEXT,
    project TEXT,
    parent TEXT,
    user TEXT,
    company TEXT,
    comment TEXT,
    created TEXT NOT NULL,
    last_update TEXT NOT NULL,
    last_change TEXT NOT NULL,
    last_iteration INTEGER NOT NULL DEFAULT 0,
    tags TEXT,
    system_tags TEXT,
    labels TEXT,
    metadata TEXT,
    design TEXT
);
CREATE INDEX models_created ON models (created);
CREATE INDEX models_task ON models (task);
CREATE INDEX models_project ON models (project, created);
CREATE INDEX models_name ON models (name);
CREATE INDEX models_uri ON models (uri);

-- The summary of each (task, metric, variant); `last_metrics` is read from here and sorted by here. `task` may also be a model's id.
-- A row exists only when it has at least one point. SQLite keeps infinities but no NaN: a NULL value here means NaN.
-- The points themselves refer to `id`.
CREATE TABLE series (
    id INTEGER PRIMARY KEY,
    task TEXT NOT NULL,
    metric_hash TEXT NOT NULL,
    variant_hash TEXT NOT NULL,
    metric TEXT NOT NULL,
    variant TEXT NOT NULL,
    value REAL,
    last_iter INTEGER NOT NULL,
    last_ts INTEGER,
    min_value REAL,
    min_iter INTEGER,
    max_value REAL,
    max_iter INTEGER,
    first_value REAL,
    first_iter INTEGER,
    mean_value REAL,
    count INTEGER NOT NULL DEFAULT 0,
    x_axis_label TEXT,
    UNIQUE (task, metric_hash, variant_hash)
);
