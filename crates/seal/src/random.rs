//! Random bytes from the operating system and from nowhere else. Fails closed: no bytes, no sealing; there is no
//! second source to fall back to.

use std::sync::atomic::{AtomicBool, Ordering};

/// `N` random bytes: for ids and blinds. Keys are drawn inside this crate and never come out of it.
///
/// # Errors
/// [`RandomError`], and then nothing was drawn.
pub fn bytes<const N: usize>() -> Result<[u8; N], RandomError> {
    let mut bytes = [0; N];
    fill(&mut bytes)?;
    Ok(bytes)
}

/// Fills `out`, after the health check of this process has passed: it is part of the first draw, so that no caller
/// can forget it.
pub(crate) fn fill(out: &mut [u8]) -> Result<(), RandomError> {
    static HEALTHY: AtomicBool = AtomicBool::new(false);
    if !HEALTHY.load(Ordering::Relaxed) {
        check(getrandom::fill)?;
        HEALTHY.store(true, Ordering::Relaxed);
    }
    getrandom::fill(out).map_err(RandomError::Unavailable)
}

/// Two draws must differ, and neither may be one byte repeated. This finds a generator that is broken outright (a
/// stubbed system call, a machine restored without entropy); no check can find one that is merely predictable.
fn check(draw: impl Fn(&mut [u8]) -> Result<(), getrandom::Error>) -> Result<(), RandomError> {
    let (mut first, mut second) = ([0; 32], [0; 32]);
    draw(&mut first).map_err(RandomError::Unavailable)?;
    draw(&mut second).map_err(RandomError::Unavailable)?;
    let constant = |draw: [u8; 32]| draw.iter().all(|byte| *byte == draw[0]);
    if first == second || constant(first) || constant(second) {
        return Err(RandomError::Unhealthy);
    }
    Ok(())
}

/// Why there are no random bytes.
#[derive(Debug, thiserror::Error)]
pub enum RandomError {
    /// The operating system answered with an error.
    #[error("the operating system gives no random bytes: nothing is sealed until it does")]
    Unavailable(#[source] getrandom::Error),
    /// The operating system answered, but with bytes that repeat.
    #[error(
        "the operating system's random bytes repeat: nothing is sealed with them, have this machine checked"
    )]
    Unhealthy,
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn constant_bytes_are_refused() {
        for byte in [0, 0xff, 0x5a] {
            let stub = |out: &mut [u8]| {
                out.fill(byte);
                Ok(())
            };
            assert!(matches!(check(stub), Err(RandomError::Unhealthy)));
        }
    }

    #[test]
    fn a_constant_second_draw_is_refused() {
        let draws = Cell::new(0);
        let stub = |out: &mut [u8]| {
            draws.set(draws.get() + 1);
            if draws.get() == 2 {
                out.fill(7);
                Ok(())
            } else {
                getrandom::fill(out)
            }
        };
        assert!(matches!(check(stub), Err(RandomError::Unhealthy)));
    }

    #[test]
    fn a_generator_that_starts_over_is_refused() {
        let stub = |out: &mut [u8]| {
            out.iter_mut().zip(1..).for_each(|(byte, n)| *byte = n);
            Ok(())
        };
        assert!(matches!(check(stub), Err(RandomError::Unhealthy)));
    }

    #[test]
    fn a_silent_operating_system_is_an_error() {
        let stub = |_: &mut [u8]| Err(getrandom::Error::UNSUPPORTED);
        assert!(matches!(check(stub), Err(RandomError::Unavailable(_))));
    }

    #[test]
    fn this_machine_is_healthy() {
        assert!(check(getrandom::fill).is_ok());
        assert_ne!(bytes::<16>().expect("the system draws"), bytes::<16>().expect("the system draws"));
    }
}
