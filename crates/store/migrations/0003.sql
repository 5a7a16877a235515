-- What is asked for a second time, and whether anything can be written at all.

-- What a request did that may be sent again: the record that tells of it. name and request are MACs, so nothing that a
-- client chose or sent can be read here, and mac binds the whole row. A row is of use for a day.
CREATE TABLE repeatables (
    ledger BIGINT NOT NULL,
    name {bytes} NOT NULL,
    request {bytes} NOT NULL,
    record BIGINT NOT NULL,
    time BIGINT NOT NULL,
    mac {bytes} NOT NULL,
    PRIMARY KEY (ledger, name)
);
CREATE INDEX repeatables_by_time ON repeatables (ledger, time);

-- How often somebody tried whether the database takes what is written, after it had not.
CREATE TABLE trials (
    ledger BIGINT NOT NULL,
    number BIGINT NOT NULL,
    PRIMARY KEY (ledger)
);
