//! Where databases differ in words: parameters, the name of bytes, the collation of keys. The only such file;
//! it knows no table and no statement of ours.

/// Whose words to use.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Dialect {
    Sqlite,
}

impl Dialect {
    /// Writes a statement of ours in this database's words.
    ///
    /// `$1` is a *name* in SQLite and numbered by its first appearance, so `SET v = $2 WHERE id = $1` would
    /// swap the two; `?1` means the first parameter wherever it stands.
    pub(crate) fn write(self, sql: &str) -> String {
        match self {
            Self::Sqlite => {
                let sql = number_parameters(sql);
                // Only where tables are made: every statement passes here each time.
                if !sql.contains('{') {
                    return sql;
                }
                sql.replace("{bytes}", "BLOB").replace("{bytewise}", "COLLATE BINARY")
            }
        }
    }

    /// What the first migration does besides our own tables: leaves the mark by which [`crate::sqlite`] knows
    /// its own.
    pub(crate) fn mark(self) -> &'static str {
        match self {
            Self::Sqlite => crate::sqlite::MARK,
        }
    }

    /// Answers everything that there is in a database besides rows, in an order that is always the same. Quoted,
    /// so that no name of one thing reads like another thing; without the statistics that `ANALYZE` leaves.
    pub(crate) fn list_schema(self) -> &'static str {
        match self {
            Self::Sqlite => {
                "SELECT quote(type) || ' ' || quote(name) || ' ' || quote(tbl_name) || ' ' || quote(sql) \
                FROM sqlite_schema WHERE sql IS NULL OR sql NOT IN ('CREATE TABLE sqlite_stat1(tbl,idx,stat)', \
                'CREATE TABLE sqlite_stat4(tbl,idx,neq,nlt,ndlt,sample)') ORDER BY type, name"
            }
        }
    }
}

fn number_parameters(sql: &str) -> String {
    let mut pieces = sql.split('$');
    let mut written = String::with_capacity(sql.len());
    written.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        written.push(if piece.starts_with(|letter: char| letter.is_ascii_digit()) { '?' } else { '$' });
        written.push_str(piece);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_numbers_and_words_are_the_databases() {
        check("SELECT $2, $1", "SELECT ?2, ?1");
        check("v = $10 AND w = $1", "v = ?10 AND w = ?1");
        check("SELECT '$', 5$", "SELECT '$', 5$");
        check("a {bytes} NOT NULL, b TEXT {bytewise}", "a BLOB NOT NULL, b TEXT COLLATE BINARY");
    }

    fn check(ours: &str, sqlite: &str) {
        assert_eq!(Dialect::Sqlite.write(ours), sqlite);
    }
}
