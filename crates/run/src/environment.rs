//! A child's environment as a value: every string that execve will get, built once and wiped when dropped. Our own
//! environment is neither read nor changed here.

use std::ffi::CStr;

use zeroize::Zeroizing;

/// What the kernel takes as one string, `NAME=value` with its terminating NUL (MAX_ARG_STRLEN).
pub(crate) const LONGEST: usize = 131_072;

/// The strings of an environment.
#[derive(Default)]
pub(crate) struct Environment {
    // Invariant: each ends with the only NUL in it (`a_nul_is_refused`).
    strings: Vec<Zeroizing<Box<[u8]>>>,
}

impl Environment {
    /// Appends a variable. Nothing is looked up: that no name comes twice is the caller's business.
    pub(crate) fn push(&mut self, name: &[u8], value: &[u8]) -> Result<(), VariableError> {
        if name.contains(&0) || value.contains(&0) {
            return Err(VariableError::Nul);
        }
        let size = check_size(name.len(), value.len())?;
        // Made with its final size: a vector that grows leaves copies behind.
        let mut string = Vec::with_capacity(size);
        string.extend_from_slice(name);
        string.push(b'=');
        string.extend_from_slice(value);
        string.push(0);
        self.strings.push(Zeroizing::new(string.into_boxed_slice()));
        Ok(())
    }

    /// The strings in the form that execve wants.
    pub(crate) fn vector(&self) -> Vec<&CStr> {
        let as_text = |string| CStr::from_bytes_with_nul(string).expect("push put one NUL, at the end");
        self.strings.iter().map(|string| as_text(string)).collect()
    }
}

/// The size of `NAME=value` with its terminator, if the kernel takes it.
pub(crate) fn check_size(name: usize, value: usize) -> Result<usize, VariableError> {
    let size = name.saturating_add(value).saturating_add(2);
    if size > LONGEST { Err(VariableError::TooLong { size }) } else { Ok(size) }
}

/// Why a variable cannot be handed to a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VariableError {
    Nul,
    TooLong { size: usize },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nul_is_refused() {
        let mut environment = Environment::default();
        assert_eq!(environment.push(b"A", b"x\0y"), Err(VariableError::Nul));
        assert_eq!(environment.push(b"A\0", b""), Err(VariableError::Nul));
        assert_eq!(environment.push(b"A", b""), Ok(()));
        assert_eq!(environment.vector(), [c"A="]);
    }

    #[test]
    fn the_longest_string_is_the_kernels() {
        let check = |length: usize, expected| {
            let value = vec![b'x'; length];
            assert_eq!(Environment::default().push(b"NAME", &value), expected);
        };
        check(LONGEST - "NAME=".len() - 1, Ok(()));
        check(LONGEST - "NAME=".len(), Err(VariableError::TooLong { size: LONGEST + 1 }));
    }
}
