-- API keys and what is done with them; what leads back from a tombstone.

-- An API key. Its epoch is 1 when it was made and 2 when it was revoked, and what is sealed says so too.
CREATE TABLE keys (
    ledger BIGINT NOT NULL,
    id TEXT {bytewise} NOT NULL,
    epoch BIGINT NOT NULL,
    sealed {bytes} NOT NULL,
    PRIMARY KEY (ledger, id)
);

-- When a key was last used, as somebody noted now and then: no proof of anything. A table of its own, because
-- no change waits for it.
CREATE TABLE key_uses (
    ledger BIGINT NOT NULL,
    id TEXT {bytewise} NOT NULL,
    last_used_at BIGINT NOT NULL,
    PRIMARY KEY (ledger, id)
);

-- Which record told the end of a delivery. Both are places in the ledger.
CREATE TABLE run_ends (
    ledger BIGINT NOT NULL,
    delivery BIGINT NOT NULL,
    record BIGINT NOT NULL,
    PRIMARY KEY (ledger, delivery)
);

-- key_id is the API key that a record is about; '' where it is about none.
ALTER TABLE records ADD COLUMN key_id TEXT {bytewise} NOT NULL DEFAULT '';
CREATE INDEX records_by_key ON records (ledger, key_id, seq) WHERE key_id <> '';
