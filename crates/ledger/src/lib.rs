//! Whether history was changed: audit records and their Merkle tree.
