//! Where the bytes of keys lie while they are held: on pages of their own, each between two that nothing may touch. The
//! only file of this crate with `unsafe`. It does not know what a key is for, and holds no values: those come and go
//! in any size, and locked memory is scarce.
//!
//! Each page is the best that the system gives, in this order:
//!
//! 1. secret memory (`memfd_secret`): out of the kernel's own map, so neither a debugger nor a core dump nor a
//!    neighbour's bug in the kernel reads it, never swapped, and not there at all in a forked child;
//! 2. locked memory: never swapped, left out of core dumps, blank in a forked child;
//! 3. ordinary memory, left out of core dumps and blank in a forked child where the system can do that: with a warning,
//!    once.
//!
//! A forked child therefore has no keys. It may run another program or end, and must not drop a key: where memory is
//! secret, that ends it.
#![allow(unsafe_code)]

use std::alloc::{Layout, handle_alloc_error};
use std::ffi::c_void;
use std::mem;
use std::ops::{Deref, DerefMut};
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::ptr::{self, NonNull};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::fs::ftruncate;
use rustix::io::Errno;
use rustix::mm::{Advice, MapFlags, MprotectFlags, ProtFlags};
use rustix::mm::{madvise, mlock, mmap, mmap_anonymous, mprotect, munmap};
use rustix::param::page_size;
use rustix::process::{Resource, getrlimit};
use zeroize::Zeroize;

/// As many bytes as a key has.
pub(crate) const LENGTH: usize = 32;

/// The arena of this process.
static PROCESS: Arena = Arena::new(Ways { secret, locked });

/// 32 blank bytes in the arena of this process.
pub(crate) fn guarded() -> Guarded<'static> {
    PROCESS.guarded()
}

/// 32 bytes in an arena: wiped when dropped, and moved without being copied.
pub(crate) struct Guarded<'a> {
    // Invariant: nobody else has this spot, and its region is there while this is held
    // (`bytes_stay_what_they_are`, `threads_do_not_get_in_each_others_way`).
    spot: Spot,
    arena: &'a Arena,
}

impl Deref for Guarded<'_> {
    type Target = [u8; LENGTH];

    fn deref(&self) -> &[u8; LENGTH] {
        // SAFETY: the invariant of `spot`; it is readable, and bytes need neither alignment nor a first value.
        unsafe { self.spot.0.as_ref() }
    }
}

impl DerefMut for Guarded<'_> {
    fn deref_mut(&mut self) -> &mut [u8; LENGTH] {
        // SAFETY: as in `deref`; it is writable, and `&mut self` is the only way to it.
        unsafe { self.spot.0.as_mut() }
    }
}

impl Drop for Guarded<'_> {
    fn drop(&mut self) {
        self.zeroize();
        self.arena.take_back(self.spot);
    }
}

struct Arena {
    ways: Ways,
    state: Mutex<State>,
}

struct State {
    regions: Vec<Region>,
    // Invariant: blank, one spot at most once, and none that is held (`a_freed_spot_is_blank_and_is_used_again`).
    free: Vec<Spot>,
    held: usize,
    warned: bool,
}

impl Arena {
    const fn new(ways: Ways) -> Self {
        let state = State { regions: Vec::new(), free: Vec::new(), held: 0, warned: false };
        Self { ways, state: Mutex::new(state) }
    }

    fn guarded(&self) -> Guarded<'_> {
        let (spot, refused) = self.take();
        if let Some(Refused { secret, locked }) = refused {
            #[cfg(test)]
            crate::residue::listen();
            // Not while the state is locked: who hears it is not ours to know.
            tracing::warn!(
                secret_memory = %secret,
                locked_memory = %locked,
                "the keys lie in ordinary memory, which the system may write to swap space: \
                 let this process lock 64 KiB of memory (RLIMIT_MEMLOCK)"
            );
        }
        Guarded { spot, arena: self }
    }

    /// A blank spot, and what there is to warn of.
    fn take(&self) -> (Spot, Option<Refused>) {
        let mut state = self.state();
        let mut refused = None;
        if state.free.is_empty() {
            let (region, why) = self.ways.region();
            refused = why.filter(|_| !mem::replace(&mut state.warned, true));
            // Room for all spots there are, so that taking one back never allocates.
            let all = (state.regions.len() + 1) * spots_of_a_region();
            state.free.reserve(all);
            state.free.extend(region.spots());
            state.regions.push(region);
        }
        state.held += 1;
        (state.free.pop().expect("a region has spots"), refused)
    }

    /// To be called with a spot that is blank again, and was taken and not taken back before.
    fn take_back(&self, spot: Spot) {
        let mut state = self.state();
        state.free.push(spot);
        state.held -= 1;
        // With the last key goes the memory: a system with secret memory in use does not hibernate.
        if state.held == 0 {
            state.free.clear();
            state.regions.clear();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics half way through a change, so a poisoned state is a whole one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How to come by a region that is better than ordinary memory.
#[derive(Clone, Copy)]
struct Ways {
    secret: fn() -> Result<Region, Errno>,
    locked: fn() -> Result<Region, Errno>,
}

/// Why memory is neither secret nor locked.
struct Refused {
    secret: Errno,
    locked: Errno,
}

impl Ways {
    /// The best region to be had, and why it is no better when it is ordinary.
    fn region(self) -> (Region, Option<Refused>) {
        let secret = match (self.secret)() {
            Ok(region) => return (region, None),
            Err(errno) => errno,
        };
        let locked = match (self.locked)() {
            Ok(region) => return (region, None),
            Err(errno) => errno,
        };
        (plain(), Some(Refused { secret, locked }))
    }
}

fn secret() -> Result<Region, Errno> {
    // SAFETY: takes flags and gives a number; it touches no memory of ours.
    let raw = unsafe { libc::syscall(libc::SYS_memfd_secret, libc::O_CLOEXEC) };
    let Some(raw) = RawFd::try_from(raw).ok().filter(|raw| *raw >= 0) else {
        return Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::NOSYS));
    };
    // SAFETY: the call above succeeded, so `raw` is open and ours alone.
    let file = unsafe { OwnedFd::from_raw_fd(raw) };
    let length = Region::length() as u64;
    // The system counts its length as a file's, and would kill a process that may write none so long
    // (`who_dies_while_a_key_is_written_leaves_no_key_file`).
    if getrlimit(Resource::Fsize).current.is_some_and(|most| most < length) {
        return Err(Errno::FBIG);
    }
    ftruncate(&file, length)?;
    // SAFETY: the system chooses the address, so nothing that is in use is mapped over.
    let start =
        unsafe { mmap(ptr::null_mut(), Region::length(), ProtFlags::empty(), MapFlags::SHARED, &file, 0)? };
    let region = Region::of(start)?;
    // The child would share the very page, and could wipe it under us.
    region.advise(Advice::LinuxDontFork)?;
    Ok(region)
}

fn locked() -> Result<Region, Errno> {
    let region = anonymous()?;
    // SAFETY: changes where the page may lie, not what it holds; it is the region's own.
    unsafe { mlock(region.page(), page_size())? };
    region.advise(Advice::LinuxDontDump)?;
    region.advise(Advice::LinuxWipeOnFork)?;
    Ok(region)
}

fn plain() -> Region {
    // As everywhere in Rust, no memory at all ends the process.
    let region = anonymous().unwrap_or_else(|_| handle_alloc_error(Layout::new::<[u8; LENGTH]>()));
    for advice in [Advice::LinuxDontDump, Advice::LinuxWipeOnFork] {
        // The caller warns of this memory in any case.
        let _ = region.advise(advice);
    }
    region
}

fn anonymous() -> Result<Region, Errno> {
    // SAFETY: the system chooses the address, so nothing that is in use is mapped over.
    let start =
        unsafe { mmap_anonymous(ptr::null_mut(), Region::length(), ProtFlags::empty(), MapFlags::PRIVATE)? };
    Region::of(start)
}

/// Three pages: the one in the middle holds spots, and touching the others ends the process. All three are mapped as
/// one, rather than the one over the others: a mapping that fails half way could leave a hole for somebody else's.
struct Region {
    start: NonNull<u8>,
}

// SAFETY: it owns its pages and is bound to no thread.
unsafe impl Send for Region {}

impl Region {
    fn length() -> usize {
        3 * page_size()
    }

    /// Takes over pages that were mapped just now, none of which may be touched yet.
    fn of(start: *mut c_void) -> Result<Self, Errno> {
        let region = Self { start: NonNull::new(start.cast()).ok_or(Errno::NOMEM)? };
        // SAFETY: the page is the region's own, and nobody refers to it yet.
        unsafe { mprotect(region.page(), page_size(), MprotectFlags::READ | MprotectFlags::WRITE)? };
        Ok(region)
    }

    fn page(&self) -> *mut c_void {
        self.start.as_ptr().wrapping_add(page_size()).cast()
    }

    fn advise(&self, advice: Advice) -> Result<(), Errno> {
        // SAFETY: the pages are the region's own, and no advice given here changes what they hold in this process.
        unsafe { madvise(self.start.as_ptr().cast(), Self::length(), advice) }
    }

    fn spots(&self) -> impl Iterator<Item = Spot> {
        (0..spots_of_a_region()).map(|number| {
            // SAFETY: all of them lie in the second of the three pages.
            Spot(unsafe { self.start.add(page_size() + number * LENGTH).cast() })
        })
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: the pages are the region's own, and its arena drops it only when none of its spots is held.
        let unmapped = unsafe { munmap(self.start.as_ptr().cast(), Self::length()) };
        debug_assert!(unmapped.is_ok(), "whole mappings of our own can be unmapped");
    }
}

fn spots_of_a_region() -> usize {
    page_size() / LENGTH
}

/// Where 32 bytes lie.
#[derive(Clone, Copy)]
struct Spot(NonNull<[u8; LENGTH]>);

// SAFETY: an address, bound to no thread; what may be done with it is for `Guarded` to say.
unsafe impl Send for Spot {}
// SAFETY: as above: a shared `Guarded` only reads.
unsafe impl Sync for Spot {}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::Barrier;
    use std::thread;

    use rustix::process::{Pid, Signal, WaitOptions, waitpid};

    use super::*;
    use crate::random;
    use crate::residue::{Mapping, Needle, can_read, hear, mappings, search};

    fn refused() -> Result<Region, Errno> {
        Err(Errno::PERM)
    }

    const LOCKED_ONLY: Ways = Ways { secret: refused, locked };
    const ORDINARY: Ways = Ways { secret: refused, locked: refused };

    /// Does something with every arena that this machine can have: a container may have neither secret memory nor the
    /// right to lock a page. One test at a time, since together they may want more locked memory than they may have.
    fn each(work: impl Fn(&str, &Arena)) {
        static ALONE: Mutex<()> = Mutex::new(());
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        work("ordinary", &Arena::new(ORDINARY));
        if locked().is_ok() {
            work("locked", &Arena::new(LOCKED_ONLY));
        }
        if secret().is_ok() {
            work("secret", &Arena::new(Ways { secret, locked: refused }));
        }
    }

    fn address(guarded: &Guarded<'_>) -> usize {
        guarded.spot.0.addr().get()
    }

    fn fill(arena: &Arena) -> Guarded<'_> {
        let mut guarded = arena.guarded();
        random::fill(&mut guarded[..]).expect("the system draws");
        guarded
    }

    /// The mapping that holds an address, and its neighbours.
    fn around(address: usize) -> [Mapping; 3] {
        let all = mappings("self");
        let at = all.iter().position(|mapping| mapping.range.contains(&address)).expect("mapped");
        [at - 1, at, at + 1].map(|at| all[at].clone())
    }

    #[test]
    fn bytes_stay_what_they_are() {
        each(|kind, arena| {
            let numbered = |number: u8| {
                let mut guarded = arena.guarded();
                guarded.fill(number);
                guarded
            };
            let mut all: Vec<_> = (0..=255).map(numbered).collect();
            all.rotate_left(100);
            for (guarded, number) in all.iter().zip((100..=255).chain(0..100)) {
                assert_eq!(**guarded, [number; LENGTH], "{kind}");
            }
        });
    }

    #[test]
    fn a_full_arena_grows() {
        each(|kind, arena| {
            let all: Vec<_> = (0..=2 * spots_of_a_region()).map(|_| arena.guarded()).collect();
            assert_eq!(arena.state().regions.len(), 3, "{kind}");
            let addresses: HashSet<_> = all.iter().map(address).collect();
            assert_eq!(addresses.len(), all.len(), "{kind}");
        });
    }

    #[test]
    fn a_freed_spot_is_blank_and_is_used_again() {
        each(|kind, arena| {
            let (kept, freed) = (fill(arena), fill(arena));
            let (spot, at) = (freed.spot, address(&freed));
            drop(freed);
            // SAFETY: the region is there as long as `kept` is, and nobody holds the spot.
            assert_eq!(unsafe { spot.0.read_volatile() }, [0; LENGTH], "{kind}");
            let next = arena.guarded();
            assert_eq!(address(&next), at, "{kind}");
            assert_eq!(*next, [0; LENGTH], "{kind}");
            assert_ne!(*kept, [0; LENGTH], "{kind}");
        });
    }

    #[test]
    fn with_the_last_key_goes_the_memory() {
        each(|kind, arena| {
            let (one, other) = (fill(arena), fill(arena));
            drop(one);
            assert_eq!(arena.state().regions.len(), 1, "{kind}");
            drop(other);
            assert!(arena.state().regions.is_empty(), "{kind}");
            assert_eq!(*arena.guarded(), [0; LENGTH], "{kind}");
        });
    }

    #[test]
    fn threads_do_not_get_in_each_others_way() {
        const THREADS: u8 = 16;
        each(|kind, arena| {
            let all_there = Barrier::new(THREADS.into());
            thread::scope(|scope| {
                for number in 1..=THREADS {
                    let all_there = &all_there;
                    scope.spawn(move || {
                        all_there.wait();
                        for round in 0..200 {
                            let mut some: Vec<_> = (0..round % 20).map(|_| arena.guarded()).collect();
                            assert!(some.iter().all(|guarded| **guarded == [0; LENGTH]), "{kind}");
                            some.iter_mut().for_each(|guarded| guarded.fill(number));
                            thread::yield_now();
                            assert!(some.iter().all(|guarded| **guarded == [number; LENGTH]), "{kind}");
                        }
                    });
                }
            });
            assert!(arena.state().regions.is_empty(), "{kind}");
        });
    }

    #[test]
    fn a_key_made_by_one_thread_serves_and_ends_in_another() {
        fn check<T: Send + Sync>(value: T) -> T {
            value
        }
        let arena = Arena::new(ORDINARY);
        let guarded = check(fill(&arena));
        let seen = thread::scope(|scope| scope.spawn(|| *guarded).join()).expect("no panic");
        assert_eq!(seen, *guarded);
        thread::scope(|scope| scope.spawn(move || drop(guarded)).join()).expect("no panic");
        assert!(arena.state().regions.is_empty());
    }

    #[test]
    fn a_page_lies_between_two_that_nothing_may_touch() {
        each(|kind, arena| {
            let key = fill(arena);
            let [before, page, behind] = around(address(&key));
            assert_eq!(page.range.len(), page_size(), "{kind}");
            assert!(page.rights.starts_with("rw-"), "{kind}");
            for guard in [before, behind] {
                assert!(guard.rights.starts_with("---"), "{kind}: {}", guard.rights);
                assert!(guard.range.end == page.range.start || guard.range.start == page.range.end);
            }
        });
    }

    #[test]
    fn a_page_is_locked_and_left_out_of_dumps() {
        each(|kind, arena| {
            let key = fill(arena);
            let [_, page, _] = around(address(&key));
            assert!(page.has("dd"), "{kind}: {:?}", page.flags);
            assert_eq!(page.has("lo"), kind != "ordinary", "{kind}: {:?}", page.flags);
            assert!(page.has(if kind == "secret" { "dc" } else { "wf" }), "{kind}: {:?}", page.flags);
        });
    }

    #[test]
    fn a_key_is_found_in_its_arena_and_nowhere_else() {
        each(|kind, arena| {
            let key = fill(arena);
            let found = search("self", &[Needle::of(&key)]);
            let at = address(&key);
            assert_eq!(can_read("self", at), kind != "secret", "{kind}");
            let expected = if kind == "secret" { vec![] } else { vec![(0, at)] };
            assert!(found == expected, "{kind}: {} copies", found.len());
        });
    }

    #[test]
    fn a_forked_child_finds_no_key() {
        each(|kind, arena| {
            let key = fill(arena);
            let spot = key.spot.0.as_ptr().cast::<u8>();
            // SAFETY: the child calls only what is async-signal-safe, and reads memory that is there or ends it.
            let child = unsafe {
                let child = libc::fork();
                if child == 0 {
                    let no_core = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
                    libc::setrlimit(libc::RLIMIT_CORE, &raw const no_core);
                    let blank = (0..LENGTH).all(|at| spot.add(at).read_volatile() == 0);
                    libc::_exit(i32::from(!blank));
                }
                child
            };
            let (_, status) = waitpid(Pid::from_raw(child), WaitOptions::empty())
                .expect("a child of ours")
                .expect("waited for");
            if kind == "secret" {
                assert_eq!(status.terminating_signal(), Some(Signal::SEGV.as_raw()), "{kind}");
            } else {
                assert_eq!(status.exit_status(), Some(0), "{kind}");
            }
            assert_ne!(*key, [0; LENGTH], "{kind}: the key outlives the child");
        });
    }

    #[test]
    fn what_cannot_be_guarded_is_said_once_and_without_addresses() {
        each(|kind, arena| {
            let heard = hear(|| {
                for _ in 0..2 {
                    drop(fill(arena));
                }
            });
            if kind != "ordinary" {
                assert!(heard.is_empty(), "{kind}: {heard:?}");
                return;
            }
            assert_eq!(heard.len(), 1, "{heard:?}");
            assert!(heard[0].contains("RLIMIT_MEMLOCK"), "{heard:?}");
            assert!(heard[0].contains(&Errno::PERM.to_string()), "{heard:?}");
            assert!(!heard[0].contains("0x"), "{heard:?}");
        });
    }

    #[test]
    fn a_page_that_cannot_be_locked_costs_no_other_page_its_place() {
        fn once() -> Result<Region, Errno> {
            static USED: Mutex<bool> = Mutex::new(false);
            let used = mem::replace(&mut *USED.lock().expect("no panic"), true);
            if used { Err(Errno::AGAIN) } else { anonymous() }
        }
        let arena = Arena::new(Ways { secret: once, locked: refused });
        let heard = hear(|| {
            let all: Vec<_> = (0..=spots_of_a_region()).map(|_| fill(&arena)).collect();
            let wiped: Vec<_> =
                [&all[0], &all[spots_of_a_region()]].map(|key| around(address(key))[1].has("wf")).into();
            assert_eq!(wiped, [false, true]);
        });
        assert_eq!(heard.len(), 1, "{heard:?}");
    }
}
