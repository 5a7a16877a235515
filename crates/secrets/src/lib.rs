//! What a secret is, and how it is said: the documented model, its rules, its JSON.
