//! What goes into a statement and what comes out of it: the four kinds of value that all our databases share.
//! No conversion here guesses: a column of another kind than was written is damage.

use crate::session::StoreError;

/// One parameter or one column. No Debug: nothing prints rows.
pub(crate) enum Value {
    Null,
    Integer(i64),
    Text(String),
    Bytes(Vec<u8>),
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Integer(number.into())
    }
}

impl From<u64> for Value {
    /// Databases count to 2^63. Nothing that is counted here gets there, and a *question* about more finds
    /// nothing, which is the right answer.
    fn from(number: u64) -> Self {
        Self::Integer(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// The parameters of a statement, `$1` first.
macro_rules! values {
    ($($value:expr),* $(,)?) => { vec![$($crate::value::Value::from($value)),*] };
}
pub(crate) use values;

/// One row of an answer, read from left to right in the order of the statement's columns.
pub(crate) struct Row(std::vec::IntoIter<Value>);

impl From<Vec<Value>> for Row {
    fn from(columns: Vec<Value>) -> Self {
        Self(columns.into_iter())
    }
}

impl Row {
    pub(crate) fn integer(&mut self) -> Result<i64, StoreError> {
        match self.0.next() {
            Some(Value::Integer(number)) => Ok(number),
            _ => Err(other_kind()),
        }
    }

    pub(crate) fn count(&mut self) -> Result<u64, StoreError> {
        u64::try_from(self.integer()?).map_err(|_| other_kind())
    }

    pub(crate) fn optional_integer(&mut self) -> Result<Option<i64>, StoreError> {
        match self.0.next() {
            Some(Value::Null) => Ok(None),
            Some(Value::Integer(number)) => Ok(Some(number)),
            _ => Err(other_kind()),
        }
    }

    pub(crate) fn text(&mut self) -> Result<String, StoreError> {
        match self.0.next() {
            Some(Value::Text(text)) => Ok(text),
            _ => Err(other_kind()),
        }
    }

    pub(crate) fn bytes(&mut self) -> Result<Vec<u8>, StoreError> {
        match self.0.next() {
            Some(Value::Bytes(bytes)) => Ok(bytes),
            _ => Err(other_kind()),
        }
    }

    /// Whether what follows is the empty side of an outer join.
    pub(crate) fn is_absent(&self) -> bool {
        matches!(self.0.as_slice().first(), Some(Value::Null))
    }
}

fn other_kind() -> StoreError {
    StoreError::damaged("a column holds another kind of value than was written")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_of_another_kind_is_damage() {
        let row = || Row::from(values![7i64, "text", None::<i64>, -1i64]);
        assert!(matches!(row().text(), Err(StoreError::Damaged { .. })));
        assert!(matches!(row().bytes(), Err(StoreError::Damaged { .. })));
        let mut row = row();
        assert_eq!(row.count().expect("a number"), 7);
        assert!(matches!(row.integer(), Err(StoreError::Damaged { .. })));
        assert!(row.is_absent());
        assert_eq!(row.optional_integer().expect("a null"), None);
        assert!(matches!(row.count(), Err(StoreError::Damaged { .. })), "a count is never negative");
        assert!(matches!(row.integer(), Err(StoreError::Damaged { .. })), "there is no fifth column");
    }

    #[test]
    fn a_question_beyond_what_databases_count_finds_the_largest_number() {
        assert!(matches!(Value::from(u64::MAX), Value::Integer(i64::MAX)));
    }
}
