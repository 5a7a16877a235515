//! Everything one may do with a secrets collection.
