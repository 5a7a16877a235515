//! Where sealed values and audit records rest: SQL.
