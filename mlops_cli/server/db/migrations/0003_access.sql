-- Who may call the server over the network. A secret is 256 random bits, so its plain SHA-256 tells nothing about it.

CREATE TABLE credentials (
    access_key TEXT PRIMARY KEY,
    user TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    secret_hash TEXT NOT NULL,
    label TEXT NOT NULL DEFAULT '',
    created TEXT NOT NULL,
    last_used TEXT,
    last_used_from TEXT
) WITHOUT ROWID;
CREATE INDEX credentials_user ON credentials (user);
