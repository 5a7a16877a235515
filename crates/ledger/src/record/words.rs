//! The words of a record: what was done, by which kind of actor, and how it ended.
//! Not what may be done; that is decided elsewhere, before a record exists.

use std::fmt;

/// An enum of words that a newer program may have more of. Each list stands once, and reads both ways.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
            /// A word of a newer program: its record can still be read and verified.
            Newer(NewerWord),
        }

        impl $name {
            /// The word as it stands in the record.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $word,)+
                    Self::Newer(word) => &word.0,
                }
            }

            pub(super) fn from_word(word: &str) -> Self {
                match word {
                    $($word => Self::$variant,)+
                    newer => Self::Newer(NewerWord(newer.to_owned())),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words! {
    /// What was done. The list grows with what strongroom can do.
    Action {
        /// An instance began.
        InstanceCreate = "instance.create",
        /// An application was made.
        ApplicationCreate = "application.create",
        /// An application's name or description changed.
        ApplicationUpdate = "application.update",
        /// An application was deleted, with its collections.
        ApplicationDelete = "application.delete",
        /// A deleted application came back, with its collections.
        ApplicationRestore = "application.restore",
        /// A collection was made.
        CollectionCreate = "collection.create",
        /// A collection got a new version.
        CollectionUpdate = "collection.update",
        /// A collection was deleted.
        CollectionDelete = "collection.delete",
        /// A collection got a new version with the contents of an older one.
        CollectionRollback = "collection.rollback",
        /// A deleted collection came back.
        CollectionRestore = "collection.restore",
        /// A collection's values were handed to a run.
        CollectionDeliver = "collection.deliver",
        /// A collection's values were shown to somebody.
        CollectionReveal = "collection.reveal",
        /// An API key was made.
        KeyCreate = "key.create",
        /// An API key was revoked.
        KeyRevoke = "key.revoke",
        /// A run that a delivery was for has ended.
        RunEnd = "run.end",
    }
}

words! {
    /// How an actor was recognised.
    ActorKind {
        /// By the operating system: the owner of the data.
        Embedded = "embedded",
        /// By an API key.
        Key = "key",
    }
}

/// A word that this program does not know. It comes only from a parsed record, so it never hides a known
/// word.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NewerWord(String);

/// How it ended. There is no third way: a record whose outcome is not known is not readable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It was done.
    Ok,
    /// It was refused, and nothing changed or left.
    Refused,
}

impl Outcome {
    /// The word as it stands in the record.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Refused => "refused",
        }
    }

    pub(super) fn from_word(word: &str) -> Option<Self> {
        [Self::Ok, Self::Refused].into_iter().find(|outcome| outcome.as_str() == word)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
