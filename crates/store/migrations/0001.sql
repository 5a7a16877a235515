-- The first schema. `{bytes}` and `{bytewise}` are words of the dialect. Times are microseconds since 1970 in
-- UTC, made by the caller. Every key leads with the ledger, and nothing here touches two of them.

-- What number this schema has, and the oldest program that may still use it.
CREATE TABLE layout (
    ledger BIGINT NOT NULL,
    number BIGINT NOT NULL,
    oldest_reader BIGINT NOT NULL,
    PRIMARY KEY (ledger)
);

CREATE TABLE instance (
    ledger BIGINT NOT NULL,
    id TEXT {bytewise} NOT NULL,
    generation TEXT {bytewise} NOT NULL,
    created_at BIGINT NOT NULL,
    limit_secrets BIGINT NOT NULL,
    limit_bytes BIGINT NOT NULL,
    PRIMARY KEY (ledger)
);

CREATE TABLE slots (
    ledger BIGINT NOT NULL,
    key_id TEXT {bytewise} NOT NULL,
    kind TEXT {bytewise} NOT NULL,
    source TEXT {bytewise} NOT NULL,
    wrapped {bytes} NOT NULL,
    PRIMARY KEY (ledger, key_id)
);

CREATE TABLE keyring (
    ledger BIGINT NOT NULL,
    version BIGINT NOT NULL,
    sealed {bytes} NOT NULL,
    PRIMARY KEY (ledger, version)
);

CREATE TABLE heads (
    ledger BIGINT NOT NULL,
    size BIGINT NOT NULL,
    frontier {bytes} NOT NULL,
    generation TEXT {bytewise} NOT NULL,
    PRIMARY KEY (ledger)
);

-- application_id and collection_id are '' where a record is about none.
CREATE TABLE records (
    ledger BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    time BIGINT NOT NULL,
    application_id TEXT {bytewise} NOT NULL,
    collection_id TEXT {bytewise} NOT NULL,
    generation TEXT {bytewise} NOT NULL,
    leaf {bytes} NOT NULL,
    sealed {bytes} NOT NULL,
    PRIMARY KEY (ledger, seq)
);
CREATE INDEX records_by_subject ON records (ledger, application_id, collection_id, seq);

-- tombstone is '' while the application lives, else its born id: so an id is free again the moment it is
-- buried.
CREATE TABLE applications (
    ledger BIGINT NOT NULL,
    id TEXT {bytewise} NOT NULL,
    tombstone TEXT {bytewise} NOT NULL,
    born TEXT {bytewise} NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT,
    face {bytes} NOT NULL,
    PRIMARY KEY (ledger, id, tombstone),
    UNIQUE (ledger, born)
);

-- By readable ids and without a foreign key: a counter outlives collection and application.
CREATE TABLE counters (
    ledger BIGINT NOT NULL,
    application_id TEXT {bytewise} NOT NULL,
    collection_id TEXT {bytewise} NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (ledger, application_id, collection_id)
);

-- application is the born id of the application, never its readable one.
CREATE TABLE collections (
    ledger BIGINT NOT NULL,
    application TEXT {bytewise} NOT NULL,
    id TEXT {bytewise} NOT NULL,
    tombstone TEXT {bytewise} NOT NULL,
    born TEXT {bytewise} NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT,
    epoch BIGINT NOT NULL,
    version BIGINT NOT NULL,
    oldest_version BIGINT NOT NULL,
    oldest_chain {bytes} NOT NULL,
    key_version BIGINT NOT NULL,
    wrapped_key {bytes} NOT NULL,
    manifest {bytes} NOT NULL,
    PRIMARY KEY (ledger, application, id, tombstone),
    UNIQUE (ledger, born),
    FOREIGN KEY (ledger, application) REFERENCES applications (ledger, born) ON DELETE CASCADE
);
CREATE INDEX collections_by_age ON collections (ledger, application, tombstone, created_at, id);

-- collection is the born id of the collection. contents_commitment repeats what the contents begin with, so
-- that what may be shown is read and checked without them.
CREATE TABLE versions (
    ledger BIGINT NOT NULL,
    collection TEXT {bytewise} NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    generation TEXT {bytewise} NOT NULL,
    face {bytes} NOT NULL,
    contents_commitment {bytes} NOT NULL,
    chain {bytes} NOT NULL,
    contents {bytes} NOT NULL,
    PRIMARY KEY (ledger, collection, version),
    FOREIGN KEY (ledger, collection) REFERENCES collections (ledger, born) ON DELETE CASCADE
);
