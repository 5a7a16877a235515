//! What an API key may do: six actions, the sets of them, and the roles that are short words for a set. Which operation
//! asks for which action is not said here.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One thing that a key may be allowed to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// See names and metadata, never a value.
    List,
    /// Create, change, delete and bring back collections.
    Write,
    /// Take a delivery into a process.
    Deliver,
    /// Look at values.
    Reveal,
    /// Applications, keys and purging.
    Manage,
    /// Read the audit records.
    Audit,
}

impl Action {
    const EVERY: [Self; 6] =
        [Self::List, Self::Write, Self::Deliver, Self::Reveal, Self::Manage, Self::Audit];

    /// Parses its word, in lower case.
    ///
    /// # Errors
    /// [`ActionError`] when it is no action.
    pub fn parse(word: &str) -> Result<Self, ActionError> {
        Self::EVERY.into_iter().find(|action| action.as_str() == word).ok_or(ActionError)
    }

    /// Its word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Write => "write",
            Self::Deliver => "deliver",
            Self::Reveal => "reveal",
            Self::Manage => "manage",
            Self::Audit => "audit",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A set of actions. Said in the order of [`Action`], whatever order it was given in.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Actions(u8);

impl Actions {
    /// Every action.
    pub const ALL: Self = Self::of(&Action::EVERY);

    /// The set of these actions.
    #[must_use]
    pub const fn of(actions: &[Action]) -> Self {
        let mut bits = 0;
        let mut rest = actions;
        while let [first, others @ ..] = rest {
            bits |= first.bit();
            rest = others;
        }
        Self(bits)
    }

    /// Parses words with commas between them: `list,deliver`.
    ///
    /// # Errors
    /// [`ActionError`] when one of them is no action, as the empty word is none.
    pub fn parse_list(words: &str) -> Result<Self, ActionError> {
        words.split(',').map(Action::parse).collect()
    }

    /// Its actions, in their order.
    pub fn iter(&self) -> impl Iterator<Item = Action> + use<> {
        let set = *self;
        Action::EVERY.into_iter().filter(move |action| set.contains(*action))
    }

    /// Whether this action is in the set.
    #[must_use]
    pub fn contains(&self, action: Action) -> bool {
        self.0 & action.bit() != 0
    }

    /// Whether every action of this set is in the other.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0 == 0
    }
}

impl FromIterator<Action> for Actions {
    fn from_iter<I: IntoIterator<Item = Action>>(actions: I) -> Self {
        Self(actions.into_iter().fold(0, |bits, action| bits | action.bit()))
    }
}

impl fmt::Display for Actions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, action) in self.iter().enumerate() {
            write!(f, "{}{action}", if i == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Actions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl Serialize for Actions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Actions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let words = Vec::<String>::deserialize(deserializer)?;
        words.iter().map(|word| Action::parse(word)).collect::<Result<_, _>>().map_err(D::Error::custom)
    }
}

/// A short word for a set of actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Sees what there is.
    Viewer,
    /// Runs programs with it.
    Runner,
    /// Changes it, without ever seeing a value.
    Editor,
    /// May do everything.
    Admin,
}

impl Role {
    const EVERY: [Self; 4] = [Self::Viewer, Self::Runner, Self::Editor, Self::Admin];

    /// Parses its word, in lower case.
    ///
    /// # Errors
    /// [`RoleError`] when it is no role.
    pub fn parse(word: &str) -> Result<Self, RoleError> {
        Self::EVERY.into_iter().find(|role| role.as_str() == word).ok_or(RoleError)
    }

    /// Its word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Runner => "runner",
            Self::Editor => "editor",
            Self::Admin => "admin",
        }
    }

    /// What it stands for.
    #[must_use]
    pub fn actions(self) -> Actions {
        match self {
            Self::Viewer => Actions::of(&[Action::List]),
            Self::Runner => Actions::of(&[Action::List, Action::Deliver]),
            Self::Editor => Actions::of(&[Action::List, Action::Write]),
            Self::Admin => Actions::ALL,
        }
    }
}

/// A word that is no action. It is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an action is one of list, write, deliver, reveal, manage and audit, in lower case")]
pub struct ActionError;

/// A word that is no role. It is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a role is one of viewer, runner, editor and admin, in lower case")]
pub struct RoleError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_words_is_a_set_in_one_order() {
        fn check(input: &str, expected: Result<&str, ActionError>) {
            let said = Actions::parse_list(input).map(|actions| actions.to_string());
            assert_eq!(said.as_deref().map_err(|e| *e), expected, "{input:?}");
        }
        check("list", Ok("list"));
        check("deliver,list", Ok("list,deliver"));
        check("audit,manage,reveal,deliver,write,list", Ok("list,write,deliver,reveal,manage,audit"));
        check("list,list", Ok("list"));
        for bad in ["", "List", "list,", ",list", "list, deliver", "list deliver", "all", "*", "admin"] {
            check(bad, Err(ActionError));
        }
    }

    #[test]
    fn on_the_wire_a_set_is_its_words() {
        let runner = Role::Runner.actions();
        assert_eq!(serde_json::to_string(&runner).expect("JSON"), r#"["list","deliver"]"#);
        let read = |json: &str| serde_json::from_str::<Actions>(json);
        assert_eq!(read(r#"["deliver","list","deliver"]"#).expect("actions"), runner);
        assert!(read("[]").expect("an empty set").is_empty());
        for bad in [r#"["hunter2"]"#, r#""list""#, "[1]", "null"] {
            assert!(read(bad).is_err(), "{bad}");
        }
        assert!(!read(r#"["hunter2"]"#).expect_err("no action").to_string().contains("hunter2"));
        assert_eq!(serde_json::to_string(&Action::Reveal).expect("JSON"), r#""reveal""#);
    }

    #[test]
    fn only_what_lies_within_is_within() {
        for first in 0..64 {
            for second in 0..64 {
                let (first, second) = (Actions(first), Actions(second));
                let expected = first.iter().all(|action| second.contains(action));
                assert_eq!(first.is_within(&second), expected, "{first} {second}");
            }
        }
    }

    #[test]
    fn a_role_is_the_actions_it_is_documented_with() {
        fn check(word: &str, expected: &str) {
            let role = Role::parse(word).expect(word);
            assert_eq!((role.as_str(), role.actions().to_string().as_str()), (word, expected));
        }
        check("viewer", "list");
        check("runner", "list,deliver");
        check("editor", "list,write");
        check("admin", "list,write,deliver,reveal,manage,audit");
        assert_eq!(Role::parse("Admin"), Err(RoleError));
        assert_eq!(Role::parse(""), Err(RoleError));
    }
}
