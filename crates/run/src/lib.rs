//! A delivery into a process: environment, files, signals, masking.
