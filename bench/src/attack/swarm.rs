//! The crowd of an attack: many connections on one thread, each saying what it has to say as fast or as slowly as the
//! attack wants, and beginning anew when it is closed. It decides nothing about what is said.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::sockopt::set_socket_linger;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::wire::{Answers, begin};

/// How long a slow connection waits between two bytes, and one that was closed at once until it comes again.
const SLOWLY: Duration = Duration::from_secs(1);
/// How often anybody looks whether it is over.
const GLANCE: Duration = Duration::from_millis(50);
/// How much one connection says before the next has its turn.
const TURNS: usize = 8;
/// Descriptors for everything else.
const OTHERS: u64 = 200;

/// What a connection says, by its number and its turn; nothing, and it waits.
pub(super) type Say = Box<dyn Fn(usize, u64) -> Arc<[u8]> + Send + Sync>;

/// What a crowd does.
pub(super) struct Attack {
    pub(super) connections: usize,
    /// The block of addresses that it comes from, by its first three numbers.
    pub(super) block: [u8; 3],
    pub(super) say: Say,
    pub(super) pace: Pace,
    pub(super) hears: Hears,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// All at once.
    Flood,
    /// One turn, and the next one when it was answered.
    Ask,
    /// After the first turn one byte at a time.
    Drip,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hears {
    All,
    /// A few bytes now and then.
    Little,
    Nothing,
}

/// What a crowd did, and was told.
#[derive(Debug, Default, Clone)]
pub(crate) struct Tally {
    pub(crate) connections: u64,
    /// How many were open at once, at most.
    pub(crate) open: usize,
    pub(crate) bytes: u64,
    /// Whole answers over HTTP/1.1, by status.
    pub(crate) answers: BTreeMap<u16, u64>,
    /// How many of them said when to come again.
    pub(crate) retry_after: u64,
}

/// Attacks until it is over; then all connections are cut.
pub(super) fn rage(attack: &Attack, to: SocketAddr, is_over: &AtomicBool) -> Tally {
    let connections = attack.connections.min(most_descriptors());
    let mut crowd: Vec<Fighter> = (0..connections).map(Fighter::new).collect();
    let mut tally = Tally::default();
    let mut piece = vec![0; 256 * 1024];
    while !is_over.load(Ordering::Relaxed) {
        for fighter in &mut crowd {
            fighter.come(attack, to, &mut tally);
        }
        tally.open = tally.open.max(crowd.iter().filter(|fighter| fighter.heard).count());
        for number in wait(&crowd, attack) {
            crowd[number].act(attack, &mut tally, &mut piece);
        }
    }
    tally
}

/// More than a shell usually gives.
fn most_descriptors() -> usize {
    let limits = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: limits.maximum, maximum: limits.maximum });
    let most = if raised.is_ok() { limits.maximum } else { limits.current };
    usize::try_from(most.unwrap_or(u64::MAX).saturating_sub(OTHERS)).unwrap_or(usize::MAX)
}

/// Who has something to do; a short while if nobody has.
fn wait(crowd: &[Fighter], attack: &Attack) -> Vec<usize> {
    let now = Instant::now();
    let mut numbers = Vec::new();
    let mut asked = Vec::new();
    for fighter in crowd {
        let Some(stream) = &fighter.stream else { continue };
        let mut flags = PollFlags::empty();
        if fighter.is_to_hear(attack, now) {
            flags |= PollFlags::IN;
        }
        if fighter.is_to_say(attack, now) {
            flags |= PollFlags::OUT;
        }
        numbers.push(fighter.number);
        asked.push(PollFd::new(stream, flags));
    }
    let glance = Timespec::try_from(GLANCE).expect("a short time");
    let _ = poll(&mut asked, Some(&glance));
    numbers
        .into_iter()
        .zip(asked)
        .filter(|(_, asked)| !asked.revents().is_empty())
        .map(|(number, _)| number)
        .collect()
}

struct Fighter {
    number: usize,
    stream: Option<TcpStream>,
    /// Whether the connection was made, as far as anybody can tell.
    heard: bool,
    turn: u64,
    saying: Arc<[u8]>,
    said: usize,
    waits_for_answer: bool,
    answers: Answers,
    /// When it may do something again, where it is slow or was closed.
    next: Instant,
}

impl Fighter {
    fn new(number: usize) -> Self {
        Self {
            number,
            stream: None,
            heard: false,
            turn: 0,
            saying: Arc::new([]),
            said: 0,
            waits_for_answer: false,
            answers: Answers::default(),
            next: Instant::now(),
        }
    }

    fn come(&mut self, attack: &Attack, to: SocketAddr, tally: &mut Tally) {
        if self.stream.is_some() || Instant::now() < self.next {
            return;
        }
        let [a, b, c] = attack.block;
        let last = u8::try_from(1 + self.number % 250).expect("below 256");
        let Ok(stream) = begin(Ipv4Addr::new(a, b, c, last), to) else {
            self.next = Instant::now() + SLOWLY;
            return;
        };
        // It leaves nothing behind when it goes.
        let _ = set_socket_linger(&stream, Some(Duration::ZERO));
        tally.connections += 1;
        *self = Self {
            stream: Some(stream),
            turn: 1,
            saying: (attack.say)(self.number, 0),
            ..Self::new(self.number)
        };
    }

    fn is_to_hear(&self, attack: &Attack, now: Instant) -> bool {
        match attack.hears {
            Hears::All => true,
            Hears::Little => now >= self.next,
            Hears::Nothing => false,
        }
    }

    fn is_to_say(&self, attack: &Attack, now: Instant) -> bool {
        let has_more = self.said < self.saying.len();
        match attack.pace {
            Pace::Flood => has_more,
            Pace::Ask => has_more && !self.waits_for_answer,
            Pace::Drip => has_more && (self.turn == 1 || now >= self.next),
        }
    }

    fn act(&mut self, attack: &Attack, tally: &mut Tally, piece: &mut [u8]) {
        let now = Instant::now();
        let is_open = (!self.is_to_hear(attack, now) || self.hear(attack, tally, piece))
            && (!self.is_to_say(attack, now) || self.say(attack, tally));
        if is_open {
            self.heard = true;
            if attack.hears == Hears::Little && now >= self.next {
                self.next = now + SLOWLY;
            }
        } else {
            // Whoever floods comes back at once, the slow ones when their time has come.
            let pause = if attack.pace == Pace::Drip { SLOWLY } else { Duration::ZERO };
            *self = Self { next: now + pause, ..Self::new(self.number) };
        }
    }

    /// Answers whether the connection is still open.
    fn hear(&mut self, attack: &Attack, tally: &mut Tally, piece: &mut [u8]) -> bool {
        let Some(stream) = &mut self.stream else { return false };
        let most = if attack.hears == Hears::Little { 512 } else { piece.len() };
        match stream.read(&mut piece[..most]) {
            Ok(0) => false,
            Ok(read) => {
                for answer in self.answers.take(&piece[..read]) {
                    *tally.answers.entry(answer.status).or_default() += 1;
                    tally.retry_after += u64::from(answer.header("retry-after").is_some());
                    self.waits_for_answer = false;
                }
                true
            }
            Err(error) => is_patient(error.kind()),
        }
    }

    fn say(&mut self, attack: &Attack, tally: &mut Tally) -> bool {
        let Some(stream) = &mut self.stream else { return false };
        for _ in 0..TURNS {
            let rest = &self.saying[self.said..];
            let rest =
                if attack.pace == Pace::Drip && self.turn > 1 { &rest[..1.min(rest.len())] } else { rest };
            match stream.write(rest) {
                Ok(sent) => {
                    self.said += sent;
                    tally.bytes += sent as u64;
                }
                Err(error) => return is_patient(error.kind()),
            }
            if self.said < self.saying.len() && attack.pace != Pace::Drip {
                continue;
            }
            if self.said == self.saying.len() {
                self.saying = (attack.say)(self.number, self.turn);
                (self.said, self.turn) = (0, self.turn + 1);
                self.waits_for_answer = attack.pace == Pace::Ask;
            }
            if attack.pace == Pace::Drip {
                self.next = Instant::now() + SLOWLY;
            }
            if attack.pace != Pace::Flood || self.saying.is_empty() {
                break;
            }
        }
        true
    }
}

fn is_patient(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::Interrupted | ErrorKind::NotConnected)
}
