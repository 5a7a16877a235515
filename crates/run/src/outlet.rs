//! One stream of a child on its way through a masker: read from its pipe, masked, written to where the child would have
//! written. It behaves as the child's own writing would: a slow reader holds the child back, and when the reader goes
//! away the pipe closes, so that the child's next write meets SIGPIPE as it would without us.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, fstat};
use rustix::io::{Errno, ioctl_fionbio, ioctl_fionread, read, write};
use rustix::pipe::{PIPE_BUF, PipeFlags, pipe_with};
use zeroize::Zeroizing;

use crate::mask::{Masker, Patterns};

/// As much as a pipe holds.
const PORTION: usize = 64 * 1024;

const AT_ONCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

/// Where a masked stream stands.
pub(crate) struct Outlet<'a> {
    /// None: the stream has ended, or nobody reads it any more.
    source: Option<OwnedFd>,
    /// How much of the source still counts, once the child is gone.
    left: Option<usize>,
    portion: Zeroizing<Vec<u8>>,
    masker: Masker<'a>,
    masked: Vec<u8>,
    written: usize,
    sink: BorrowedFd<'a>,
    /// The most that a writable sink takes without making us wait, deaf to signals.
    step: usize,
    lost: Option<io::Error>,
}

impl<'a> Outlet<'a> {
    /// Makes the pipe; beside the outlet comes the end for the child.
    pub(crate) fn open(patterns: &'a Patterns, sink: BorrowedFd<'a>) -> io::Result<(Self, OwnedFd)> {
        let (source, for_child) = pipe_with(PipeFlags::CLOEXEC)?;
        // On our end alone. The child and the sink's other users expect theirs to block.
        ioctl_fionbio(&source, true)?;
        let is_file = FileType::from_raw_mode(fstat(sink)?.st_mode) == FileType::RegularFile;
        let outlet = Self {
            source: Some(source),
            left: None,
            portion: Zeroizing::new(vec![0; PORTION]),
            masker: Masker::new(patterns),
            masked: Vec::new(),
            written: 0,
            sink,
            step: if is_file { usize::MAX } else { PIPE_BUF },
            lost: None,
        };
        Ok((outlet, for_child))
    }

    /// What to wait for before the next turn. The sink is always there: poll reports unasked that its reader is gone.
    pub(crate) fn watch<'w>(&'w self, watched: &mut Vec<PollFd<'w>>) {
        if self.is_pending() {
            watched.push(PollFd::from_borrowed_fd(self.sink, PollFlags::OUT));
        } else if let Some(source) = &self.source {
            watched.push(PollFd::from_borrowed_fd(self.sink, PollFlags::empty()));
            watched.push(PollFd::new(source, PollFlags::IN));
        }
    }

    /// Moves on as far as it goes without waiting, but by one portion at most: signals have their turn too.
    pub(crate) fn turn(&mut self) {
        let turned = self.write_pending().and_then(|()| {
            if self.is_pending() {
                return Ok(());
            }
            self.take_portion()?;
            self.write_pending()
        });
        if let Err(errno) = turned {
            self.source = None;
            self.masked.clear();
            self.written = 0;
            // A reader that has seen enough is no loss.
            self.lost = (errno != Errno::PIPE).then(|| errno.into());
        }
    }

    /// From now on only what the child had written by its end counts. A process that it left behind and that holds the
    /// pipe open does not keep us; what it writes later meets a closed pipe.
    pub(crate) fn child_ended(&mut self) {
        let there = self.source.as_ref().and_then(|source| ioctl_fionread(source).ok());
        self.left = Some(there.and_then(|there| usize::try_from(there).ok()).unwrap_or(0));
    }

    pub(crate) fn is_done(&self) -> bool {
        self.source.is_none() && !self.is_pending()
    }

    /// Why output was lost, if it was.
    pub(crate) fn into_lost(self) -> Option<io::Error> {
        self.lost
    }

    fn is_pending(&self) -> bool {
        self.written < self.masked.len()
    }

    fn take_portion(&mut self) -> Result<(), Errno> {
        let Some(source) = &self.source else { return Ok(()) };
        let most = self.left.unwrap_or(PORTION).min(PORTION);
        let count = match read(source, &mut self.portion[..most]) {
            Ok(count) => count,
            Err(Errno::AGAIN | Errno::INTR) => return Ok(()),
            Err(errno) => return Err(errno),
        };
        self.masked.clear();
        self.written = 0;
        self.masker.push(&self.portion[..count], &mut self.masked);
        self.left = self.left.map(|left| left - count);
        if count == 0 || self.left == Some(0) {
            self.source = None;
            self.masker.finish(&mut self.masked);
        }
        Ok(())
    }

    fn write_pending(&mut self) -> Result<(), Errno> {
        // Asked even when nothing is pending, for the reader may be gone.
        while !self.is_done() {
            let mut sink = [PollFd::from_borrowed_fd(self.sink, PollFlags::OUT)];
            poll(&mut sink, Some(&AT_ONCE))?;
            let ready = sink[0].revents();
            if ready.intersects(PollFlags::ERR | PollFlags::HUP) && !self.is_pending() {
                return Err(Errno::PIPE);
            }
            if ready.is_empty() || !self.is_pending() {
                break;
            }
            let rest = &self.masked[self.written..];
            match write(self.sink, &rest[..rest.len().min(self.step)]) {
                Ok(count) => self.written += count,
                Err(Errno::INTR) => {}
                // A sink that its other users made non-blocking says so after all.
                Err(Errno::AGAIN) => break,
                Err(errno) => return Err(errno),
            }
        }
        Ok(())
    }
}
