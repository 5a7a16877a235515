//! How the engine runs a law: in time. It is no part of the replay, where a busy machine would be a failing test.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// No input may keep a processor busy for longer, in this build with its checks or in any faster one.
const LONGEST: Duration = Duration::from_millis(100);

/// Holds an input to the law. The first run may pay for what is made once; an input that is slow is so every time.
pub(crate) fn run(check: fn(&[u8]), data: &[u8]) {
    let took = || {
        let began = busy();
        check(data);
        busy() - began
    };
    assert!(took() < LONGEST || took() < LONGEST || took() < LONGEST, "this input takes too long");
}

/// The time that a processor has worked for this process; waiting is not counted, nor what others do meanwhile.
fn busy() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).expect("processor time does not run backwards")
}
