//! Every statement about our own tables, by name. One ledger per statement, `$N` parameters, columns in the
//! order in which [`crate::rows`] reads them. No statement of ours stands anywhere else.

/// Declares the statements, and for tests the list of all of them, so that none can be left out of a check.
macro_rules! statements {
    ($($name:ident = $sql:literal;)*) => {
        $(pub(crate) const $name: &str = $sql;)*

        #[cfg(test)]
        pub(crate) const ALL: &[(&str, &str)] = &[$((stringify!($name), $sql)),*];
    };
}

statements! {
    // The schema.
    LAYOUT = "SELECT number, oldest_reader FROM layout WHERE ledger = $1";
    SET_LAYOUT = "INSERT INTO layout (ledger, number, oldest_reader) VALUES ($1, $2, $3) \
        ON CONFLICT (ledger) DO UPDATE SET number = $2, oldest_reader = $3";

    // The instance and its keys.
    INSTANCE = "SELECT id, generation, created_at, limit_secrets, limit_bytes FROM instance WHERE ledger = $1";
    INSERT_INSTANCE = "INSERT INTO instance (ledger, id, generation, created_at, limit_secrets, limit_bytes) \
        VALUES ($1, $2, $3, $4, $5, $6)";
    SLOTS = "SELECT key_id, kind, source, wrapped FROM slots WHERE ledger = $1 ORDER BY key_id";
    INSERT_SLOT = "INSERT INTO slots (ledger, key_id, kind, source, wrapped) VALUES ($1, $2, $3, $4, $5)";
    KEYRING = "SELECT version, sealed FROM keyring WHERE ledger = $1 ORDER BY version DESC LIMIT 1";
    INSERT_KEYRING = "INSERT INTO keyring (ledger, version, sealed) VALUES ($1, $2, $3)";

    // The ledger.
    HEAD = "SELECT size, generation, frontier FROM heads WHERE ledger = $1";
    INSERT_HEAD = "INSERT INTO heads (ledger, size, generation, frontier) VALUES ($1, $2, $3, $4)";
    ADVANCE_HEAD = "UPDATE heads SET size = $2, frontier = $3 WHERE ledger = $1 AND size = $4 AND generation = $5";
    INSERT_RECORD = "INSERT INTO records \
        (ledger, seq, time, application_id, collection_id, key_id, generation, leaf, sealed) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    RECORDS = "SELECT seq, time, application_id, collection_id, key_id, generation, leaf, sealed \
        FROM records \
        WHERE ledger = $1 AND seq >= $2 ORDER BY seq LIMIT $3";
    RECORDS_OF_APPLICATION = "SELECT seq, time, application_id, collection_id, key_id, generation, leaf, sealed \
        FROM records \
        WHERE ledger = $1 AND seq >= $2 AND application_id = $4 ORDER BY seq LIMIT $3";
    RECORDS_OF_COLLECTION_ID = "SELECT seq, time, application_id, collection_id, key_id, generation, leaf, sealed \
        FROM records \
        WHERE ledger = $1 AND seq >= $2 AND collection_id = $4 ORDER BY seq LIMIT $3";
    RECORDS_OF_COLLECTION = "SELECT seq, time, application_id, collection_id, key_id, generation, leaf, sealed \
        FROM records \
        WHERE ledger = $1 AND seq >= $2 AND application_id = $4 AND collection_id = $5 ORDER BY seq LIMIT $3";
    NEWEST_RECORD = "SELECT seq, time, application_id, collection_id, key_id, generation, leaf, sealed \
        FROM records \
        WHERE ledger = $1 AND application_id = $2 AND collection_id = $3 ORDER BY seq DESC LIMIT 1";
    RECORD = "SELECT seq, time, application_id, collection_id, key_id, generation, leaf, sealed \
        FROM records WHERE ledger = $1 AND seq = $2";
    INSERT_RUN_END = "INSERT INTO run_ends (ledger, delivery, record) VALUES ($1, $2, $3)";
    LEAVES = "SELECT seq, leaf FROM records WHERE ledger = $1 AND seq >= $2 ORDER BY seq LIMIT $3";

    // API keys, each with the newest record about it in the same look. `key_id <> ''` is for the planner: the
    // index has just those records.
    KEY = "SELECT k.id, k.epoch, k.sealed, u.last_used_at, \
        r.seq, r.time, r.application_id, r.collection_id, r.key_id, r.generation, r.leaf, r.sealed \
        FROM keys k LEFT JOIN key_uses u ON u.ledger = $1 AND u.id = k.id \
        LEFT JOIN records r ON r.ledger = $1 AND r.seq = \
        (SELECT MAX(n.seq) FROM records n WHERE n.ledger = $1 AND n.key_id = k.id AND n.key_id <> '') \
        WHERE k.ledger = $1 AND k.id = $2";
    KEYS = "SELECT k.id, k.epoch, k.sealed, u.last_used_at, \
        r.seq, r.time, r.application_id, r.collection_id, r.key_id, r.generation, r.leaf, r.sealed \
        FROM keys k LEFT JOIN key_uses u ON u.ledger = $1 AND u.id = k.id \
        LEFT JOIN records r ON r.ledger = $1 AND r.seq = \
        (SELECT MAX(n.seq) FROM records n WHERE n.ledger = $1 AND n.key_id = k.id AND n.key_id <> '') \
        WHERE k.ledger = $1 AND k.id > $2 ORDER BY k.id LIMIT $3";
    KEY_REVISION = "SELECT epoch FROM keys WHERE ledger = $1 AND id = $2";
    INSERT_KEY = "INSERT INTO keys (ledger, id, epoch, sealed) VALUES ($1, $2, $3, $4)";
    REVISE_KEY = "UPDATE keys SET epoch = $4, sealed = $5 WHERE ledger = $1 AND id = $2 AND epoch = $3";
    NOTE_KEY_USE = "INSERT INTO key_uses (ledger, id, last_used_at) VALUES ($1, $2, $3) \
        ON CONFLICT (ledger, id) DO UPDATE SET last_used_at = $3 WHERE key_uses.last_used_at < $3";

    // Requests that may be sent again, and trials of the database.
    REPEATABLE = "SELECT name, request, record, time, mac FROM repeatables WHERE ledger = $1 AND name = $2";
    INSERT_REPEATABLE = "INSERT INTO repeatables (ledger, name, request, record, time, mac) \
        VALUES ($1, $2, $3, $4, $5, $6)";
    REMOVE_REPEATABLE = "DELETE FROM repeatables WHERE ledger = $1 AND name = $2";
    REMOVE_OLD_REPEATABLES = "DELETE FROM repeatables WHERE ledger = $1 AND name IN \
        (SELECT name FROM repeatables WHERE ledger = $1 AND time < $2 ORDER BY time LIMIT $3)";
    TRY_TO_WRITE = "INSERT INTO trials (ledger, number) VALUES ($1, 1) \
        ON CONFLICT (ledger) DO UPDATE SET number = trials.number + 1";

    // Applications.
    APPLICATION = "SELECT id, tombstone, born, created_at, updated_at, deleted_at, face FROM applications \
        WHERE ledger = $1 AND id = $2 AND tombstone = ''";
    APPLICATIONS = "SELECT id, tombstone, born, created_at, updated_at, deleted_at, face FROM applications \
        WHERE ledger = $1 AND id > $2 AND tombstone = '' ORDER BY id LIMIT $3";
    EVERY_APPLICATION = "SELECT id, tombstone, born, created_at, updated_at, deleted_at, face FROM applications \
        WHERE ledger = $1 AND born > $2 ORDER BY born LIMIT $3";
    BURIED_APPLICATION = "SELECT id, tombstone, born, created_at, updated_at, deleted_at, face FROM applications \
        WHERE ledger = $1 AND id = $2 AND tombstone = $3";
    INSERT_APPLICATION = "INSERT INTO applications \
        (ledger, id, tombstone, born, created_at, updated_at, deleted_at, face) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    UPDATE_APPLICATION = "UPDATE applications SET updated_at = $4, face = $5 \
        WHERE ledger = $1 AND id = $2 AND born = $3 AND tombstone = ''";
    UNBURY_APPLICATION = "UPDATE applications SET tombstone = '', deleted_at = NULL, updated_at = $4, face = $5 \
        WHERE ledger = $1 AND id = $2 AND born = $3 AND tombstone = $3";
    BURY_APPLICATION = "UPDATE applications SET tombstone = born, deleted_at = $4, face = $5 \
        WHERE ledger = $1 AND id = $2 AND born = $3 AND tombstone = ''";

    // Collections. An outer join where a version belongs to what is asked for: one that was taken away must
    // be noticed, not make its collection vanish.
    CURRENT_FACE = "SELECT c.application, c.id, c.tombstone, c.born, c.created_at, c.updated_at, c.deleted_at, \
        c.epoch, c.version, c.oldest_version, c.oldest_chain, c.key_version, c.wrapped_key, c.manifest, \
        v.version, v.created_at, v.generation, v.face, v.contents_commitment, v.chain \
        FROM collections c LEFT JOIN versions v \
        ON v.ledger = $1 AND v.collection = c.born AND v.version = c.version \
        WHERE c.ledger = $1 AND c.application = $2 AND c.id = $3 AND c.tombstone = ''";
    VERSION_FACE = "SELECT c.application, c.id, c.tombstone, c.born, c.created_at, c.updated_at, c.deleted_at, \
        c.epoch, c.version, c.oldest_version, c.oldest_chain, c.key_version, c.wrapped_key, c.manifest, \
        v.version, v.created_at, v.generation, v.face, v.contents_commitment, v.chain \
        FROM collections c LEFT JOIN versions v \
        ON v.ledger = $1 AND v.collection = c.born AND v.version = $4 \
        WHERE c.ledger = $1 AND c.application = $2 AND c.id = $3 AND c.tombstone = ''";
    COLLECTIONS = "SELECT c.application, c.id, c.tombstone, c.born, c.created_at, c.updated_at, c.deleted_at, \
        c.epoch, c.version, c.oldest_version, c.oldest_chain, c.key_version, c.wrapped_key, c.manifest, \
        v.version, v.created_at, v.generation, v.face, v.contents_commitment, v.chain \
        FROM collections c LEFT JOIN versions v \
        ON v.ledger = $1 AND v.collection = c.born AND v.version = c.version \
        WHERE c.ledger = $1 AND c.application = $2 AND c.tombstone = '' AND (c.created_at, c.id) > ($3, $4) \
        ORDER BY c.created_at, c.id LIMIT $5";
    EVERY_COLLECTION = "SELECT c.application, c.id, c.tombstone, c.born, c.created_at, c.updated_at, c.deleted_at, \
        c.epoch, c.version, c.oldest_version, c.oldest_chain, c.key_version, c.wrapped_key, c.manifest, \
        v.version, v.created_at, v.generation, v.face, v.contents_commitment, v.chain \
        FROM collections c LEFT JOIN versions v \
        ON v.ledger = $1 AND v.collection = c.born AND v.version = c.version \
        WHERE c.ledger = $1 AND c.born > $2 ORDER BY c.born LIMIT $3";
    BURIED_COLLECTION = "SELECT c.application, c.id, c.tombstone, c.born, c.created_at, c.updated_at, c.deleted_at, \
        c.epoch, c.version, c.oldest_version, c.oldest_chain, c.key_version, c.wrapped_key, c.manifest, \
        v.version, v.created_at, v.generation, v.face, v.contents_commitment, v.chain \
        FROM collections c LEFT JOIN versions v \
        ON v.ledger = $1 AND v.collection = c.born AND v.version = c.version \
        WHERE c.ledger = $1 AND c.application = $2 AND c.id = $3 AND c.tombstone = $4";
    FACE_OF = "SELECT c.application, c.id, c.tombstone, c.born, c.created_at, c.updated_at, c.deleted_at, \
        c.epoch, c.version, c.oldest_version, c.oldest_chain, c.key_version, c.wrapped_key, c.manifest, \
        v.version, v.created_at, v.generation, v.face, v.contents_commitment, v.chain, \
        w.version, w.created_at, w.generation, w.face, w.contents_commitment, w.chain \
        FROM collections c LEFT JOIN versions v \
        ON v.ledger = $1 AND v.collection = c.born AND v.version = c.version \
        LEFT JOIN versions w ON w.ledger = $1 AND w.collection = c.born AND w.version = $3 \
        WHERE c.ledger = $1 AND c.born = $2";
    BURIED_EPOCH = "SELECT epoch FROM collections WHERE ledger = $1 AND born = $2 AND tombstone = $2";
    LIVE_EPOCH = "SELECT epoch FROM collections WHERE ledger = $1 AND born = $2 AND tombstone = ''";
    INSERT_COLLECTION = "INSERT INTO collections \
        (ledger, application, id, tombstone, born, created_at, updated_at, deleted_at, \
        epoch, version, oldest_version, oldest_chain, key_version, wrapped_key, manifest) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)";
    UPDATE_COLLECTION = "UPDATE collections SET updated_at = $4, epoch = $5, version = $6, oldest_version = $7, \
        oldest_chain = $8, key_version = $9, wrapped_key = $10, manifest = $11 \
        WHERE ledger = $1 AND born = $2 AND epoch = $3 AND tombstone = ''";
    UNBURY_COLLECTION = "UPDATE collections SET tombstone = '', deleted_at = NULL, \
        updated_at = $4, epoch = $5, manifest = $6 \
        WHERE ledger = $1 AND born = $2 AND epoch = $3 AND tombstone = $2";
    BURY_COLLECTION = "UPDATE collections SET tombstone = born, deleted_at = $4, epoch = $5, manifest = $6 \
        WHERE ledger = $1 AND born = $2 AND epoch = $3 AND tombstone = ''";

    // Versions.
    VERSIONS = "SELECT version, created_at, generation, face, contents_commitment, chain FROM versions \
        WHERE ledger = $1 AND collection = $2 ORDER BY version";
    VERSION_OF = "SELECT version, created_at, generation, face, contents_commitment, chain, contents FROM versions \
        WHERE ledger = $1 AND collection = $2 AND version = $3";
    INSERT_VERSION = "INSERT INTO versions \
        (ledger, collection, version, created_at, generation, face, contents_commitment, chain, contents) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    PRUNE_VERSIONS = "DELETE FROM versions WHERE ledger = $1 AND collection = $2 AND version < $3";
    COUNTERS = "SELECT application_id, collection_id, version FROM counters \
        WHERE ledger = $1 AND (application_id, collection_id) > ($2, $3) \
        ORDER BY application_id, collection_id LIMIT $4";
    NEXT_VERSION = "INSERT INTO counters (ledger, application_id, collection_id, version) VALUES ($1, $2, $3, 1) \
        ON CONFLICT (ledger, application_id, collection_id) DO UPDATE SET version = counters.version + 1 \
        RETURNING version";
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::ALL;

    #[test]
    fn every_statement_numbers_its_parameters_without_a_gap() {
        for (name, sql) in ALL {
            let numbers = parameters(sql);
            let highest = numbers.iter().copied().max().unwrap_or_default();
            assert!(highest > 0, "{name} has no parameter, so no ledger");
            for number in 1..=highest {
                assert!(numbers.contains(&number), "{name} skips ${number}");
            }
        }
    }

    #[test]
    fn every_statement_is_about_the_one_ledger_in_its_first_parameter() {
        for (name, sql) in ALL {
            let inserts = sql.starts_with("INSERT INTO ");
            let tables = sql.matches(" FROM ").count() + sql.matches(" JOIN ").count();
            let tables = tables + usize::from(sql.starts_with("UPDATE "));
            if inserts {
                assert!(
                    sql.contains("(ledger, ") && sql.contains("VALUES ($1, "),
                    "{name} inserts without a ledger"
                );
            } else {
                assert_eq!(
                    sql.matches("ledger = $1").count(),
                    tables,
                    "{name} does not say each table's ledger"
                );
            }
        }
    }

    #[test]
    fn statements_stand_nowhere_else() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut seen = 0;
        for file in fs::read_dir(folder).expect("our own sources") {
            let path = file.expect("our own sources").path();
            let name = path.file_name().expect("a file").to_string_lossy().into_owned();
            if ["statements.rs", "sqlite.rs", "dialect.rs"].contains(&name.as_str()) {
                continue;
            }
            let text = fs::read_to_string(&path).expect("our own sources");
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            for word in ["SELECT ", "INSERT INTO", "UPDATE ", "DELETE FROM"] {
                assert!(!code.contains(word), "{name} holds a statement: {word}");
            }
            seen += 1;
        }
        assert!(seen > 5, "the folder of our sources was not read");
    }

    fn parameters(sql: &str) -> Vec<u32> {
        let digits = |text: &str| text.chars().take_while(char::is_ascii_digit).collect::<String>();
        sql.split('$').skip(1).map(|rest| digits(rest).parse().expect("a number after $")).collect()
    }
}
