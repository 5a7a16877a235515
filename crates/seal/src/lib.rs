//! How a value is sealed: root key, keyring, the record format.
