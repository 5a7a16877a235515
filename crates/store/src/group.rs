//! The line for the one session that writes, and the groups in which changes share a commit. It has neither a
//! thread nor a timer, and does not know what a change consists of.
//!
//! Whoever has the turn works into the transaction that is open already, joins its group and lets the next one
//! in. The first of a group leads it: it goes back to the end of the line, so that all who were waiting join,
//! and then commits for all of them. Who is alone meets nobody in the line, and commits at once.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use std::task::Poll;

use tokio::sync::{Mutex, MutexGuard, watch};

use crate::migrations;
use crate::session::{Session, StoreError, cause};
use crate::transaction::CommitError;

/// Whoever finds so many before it commits for them first.
const LARGEST_GROUP: usize = 512;

const WAITED_BEHIND: &str = "somebody before in the line waited for another process in vain";

type Outcome = Result<(), CommitError>;

/// Everyone who wants to write, in the order in which they came.
pub(crate) struct Line {
    writer: Mutex<Writer>,
    // Invariant: true when the leader of an open group went away, until somebody has committed for it
    // (`a_group_whose_leader_went_away_is_committed_by_whoever_lets_go_of_the_line`).
    deserted: AtomicBool,
    commits: AtomicU64,
    /// How many have come to the line, which numbers them.
    came: AtomicU64,
    // Invariant: whoever came before this number does not wait once more for a database that somebody else has just
    // waited for in vain (`who_waited_behind_a_busy_database_is_refused_with_the_first`).
    kept_out: AtomicU64,
}

/// What the turn is about.
struct Writer {
    session: Session,
    // Invariant: while nobody has the turn it is none, or somebody joined it
    // (`a_change_that_is_dropped_alone_leaves_nothing_open`).
    group: Option<Group>,
    schema: Watch,
}

/// A transaction of the database, and who is in it.
struct Group {
    joined: usize,
    outcome: watch::Sender<Option<Outcome>>,
}

/// Whether the schema is looked at again.
enum Watch {
    /// Never: whoever uses this ends soon.
    Off,
    /// Whenever this number of it has changed; none before the first look.
    On(Option<u64>),
}

impl Line {
    /// For a command.
    pub(crate) fn new(session: Session) -> Self {
        Self::with(session, Watch::Off)
    }

    /// For a server: it looks again at a schema that was altered meanwhile.
    pub(crate) fn watchful(session: Session) -> Self {
        Self::with(session, Watch::On(None))
    }

    fn with(session: Session, schema: Watch) -> Self {
        Self {
            writer: Mutex::new(Writer { session, group: None, schema }),
            deserted: AtomicBool::new(false),
            commits: AtomicU64::new(0),
            came: AtomicU64::new(0),
            kept_out: AtomicU64::new(0),
        }
    }

    /// Waits until everybody who came before has had their turn.
    pub(crate) async fn turn(&self) -> Turn<'_> {
        // Made before the wait: who goes away in the middle of it may have been given the turn just before.
        let settle = Settle(self);
        let number = self.came.fetch_add(1, Ordering::Relaxed);
        Turn { writer: self.writer.lock().await, number, settle }
    }

    /// A turn if nobody has one.
    pub(crate) fn try_turn(&self) -> Option<Turn<'_>> {
        let settle = Settle(self);
        let number = self.came.fetch_add(1, Ordering::Relaxed);
        self.writer.try_lock().ok().map(|writer| Turn { writer, number, settle })
    }

    /// How often somebody committed.
    pub(crate) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    pub(crate) fn into_session(self) -> Session {
        self.writer.into_inner().session
    }

    fn commit(&self, writer: &mut Writer) {
        if let Some(group) = writer.group.take() {
            self.commits.fetch_add(1, Ordering::Relaxed);
            group.tell(writer.session.commit());
        }
    }

    /// Another process kept the database for as long as one of ours has patience: who stands behind them now is
    /// refused too, rather than made to wait as long once more, one after the other.
    fn keep_out_who_waits(&self) {
        self.kept_out.store(self.came.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// Commits a group that was deserted, unless somebody has the turn: then it is for them, when they let go.
    fn settle(&self) {
        loop {
            // Between letting go and this look, as between deserting and trying: one of the two sees the other.
            fence(Ordering::SeqCst);
            if !self.deserted.load(Ordering::SeqCst) {
                return;
            }
            let Ok(mut writer) = self.writer.try_lock() else { return };
            self.deserted.store(false, Ordering::SeqCst);
            self.commit(&mut writer);
        }
    }
}

/// The turn: nobody else asks the session meanwhile. It ends when this is dropped.
pub(crate) struct Turn<'a> {
    writer: MutexGuard<'a, Writer>,
    number: u64,
    // After the guard: who lets go looks whether something was left to them.
    settle: Settle<'a>,
}

impl<'a> Turn<'a> {
    pub(crate) fn session(&self) -> &Session {
        &self.writer.session
    }

    /// Makes durable what others did before, and tells them. What is asked then is what stays.
    pub(crate) fn commit_group(&mut self) {
        self.settle.0.commit(&mut self.writer);
    }

    /// Whether nothing is waiting to be committed.
    pub(crate) fn is_idle(&self) -> bool {
        self.writer.group.is_none()
    }

    /// Begins a change, in the group that is open or as the first of a new one. What fails or is left half way is to
    /// be undone by [`Turn::undo`].
    pub(crate) async fn enter(&mut self) -> Result<(), StoreError> {
        if self.writer.group.as_ref().is_some_and(|group| group.joined >= LARGEST_GROUP) {
            self.commit_group();
        }
        let Writer { session, group, schema } = &mut *self.writer;
        if group.is_some() {
            return session.mark().await;
        }
        let line = self.settle.0;
        if self.number < line.kept_out.load(Ordering::Relaxed) {
            return Err(StoreError::Busy(cause(WAITED_BEHIND)));
        }
        *group = Some(Group { joined: 0, outcome: watch::Sender::new(None) });
        let begun = session.begin().await;
        if matches!(begun, Err(StoreError::Busy(_))) {
            line.keep_out_who_waits();
        }
        begun?;
        schema.look(session).await
    }

    /// Leaves a change to be committed with its group.
    pub(crate) async fn join(&mut self) -> Result<Member<'a>, StoreError> {
        let Writer { session, group, .. } = &mut *self.writer;
        let group = group.as_mut().ok_or(StoreError::Abandoned)?;
        let leads = group.joined == 0;
        if !leads {
            session.keep().await?;
        }
        group.joined += 1;
        Ok(Member { line: self.settle.0, outcome: group.outcome.subscribe(), leads })
    }

    /// Undoes a change that entered and did not join, and only that. The others of its group are committed at once:
    /// whoever gives up may have met what they did, and what it answers or tries next must not rest on something
    /// that may still be lost.
    pub(crate) fn undo(&mut self) {
        match &self.writer.group {
            None => {}
            Some(group) if group.joined == 0 => {
                self.writer.group = None;
                self.writer.session.roll_back();
            }
            Some(_) => match self.writer.session.undo() {
                Ok(()) => self.commit_group(),
                Err(error) => self.lose(error),
            },
        }
    }

    /// The database gave up the whole group, or cannot tell one of its changes from the others.
    fn lose(&mut self, error: StoreError) {
        self.writer.session.roll_back();
        if let Some(group) = self.writer.group.take() {
            group.tell(Err(CommitError::Refused(error)));
        }
    }
}

impl Group {
    fn tell(self, outcome: Outcome) {
        self.outcome.send_replace(Some(outcome));
    }
}

impl Watch {
    async fn look(&mut self, session: &Session) -> Result<(), StoreError> {
        let Self::On(seen) = self else { return Ok(()) };
        let present = session.schema_version().await?;
        if *seen != Some(present) {
            migrations::check(session).await?;
            *seen = Some(present);
        }
        Ok(())
    }
}

/// Whoever drops this may be the last who can commit for somebody else.
struct Settle<'a>(&'a Line);

impl Drop for Settle<'_> {
    fn drop(&mut self) {
        self.0.settle();
    }
}

/// One who joined a group and waits to hear of it.
pub(crate) struct Member<'a> {
    line: &'a Line,
    outcome: watch::Receiver<Option<Outcome>>,
    leads: bool,
}

impl Member<'_> {
    /// What became of the group.
    pub(crate) async fn outcome(self) -> Outcome {
        if self.leads {
            // Who could run on this thread and has not come to the line yet gets there first.
            tokio::task::yield_now().await;
            if let Some(mut turn) = self.turn_or_outcome().await {
                turn.commit_group();
            }
        }
        let mut outcome = self.outcome.clone();
        let told = outcome.wait_for(Option::is_some).await.ok().and_then(|told| (*told).clone());
        // Nobody drops a group without a word, but by a panic in the middle of a commit.
        told.unwrap_or_else(|| Err(CommitError::Unknown(StoreError::Abandoned)))
    }

    /// Whichever comes first: somebody else commits when the group is full, or when what it did is asked for.
    async fn turn_or_outcome(&self) -> Option<Turn<'_>> {
        let mut outcome = self.outcome.clone();
        let mut told = pin!(outcome.wait_for(Option::is_some));
        let mut turn = pin!(self.line.turn());
        poll_fn(|context| match told.as_mut().poll(context) {
            Poll::Ready(_) => Poll::Ready(None),
            Poll::Pending => turn.as_mut().poll(context).map(Some),
        })
        .await
    }
}

impl Drop for Member<'_> {
    fn drop(&mut self) {
        if self.leads && self.outcome.borrow().is_none() {
            self.line.deserted.store(true, Ordering::SeqCst);
            self.line.settle();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waited_behind_a_busy_database_is_refused_with_the_first() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let line = Line::new(crate::open::memory().await.expect("a store in memory"));
            let first = line.turn().await;
            let mut second = pin!(line.turn());
            let waits = poll_fn(|context| Poll::Ready(second.as_mut().poll(context).is_pending())).await;
            assert!(waits, "the first has the turn");
            // As `enter` does when another process kept the database for too long.
            line.keep_out_who_waits();
            drop(first);
            let mut second = second.await;
            assert!(matches!(second.enter().await, Err(StoreError::Busy(_))));
            drop(second);
            let mut third = line.turn().await;
            third.enter().await.expect("who comes later tries again");
            third.undo();
        });
    }
}
