//! Says which line gives way to a new one: when all slots of a listener are taken, the one that has waited longest for its
//! peer. So lines that say nothing, or do not take their answer, keep nobody out, however many they are.
//!
//! A line for which something is being done never gives way. Knows lines by number only, in the order in which they began to
//! wait; reads no byte of them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// What a line that may give way waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wait {
    /// A first byte, the rest of a head, a next request, or the end of what nobody reads.
    Request,
    /// That its peer goes on with a body or takes an answer: it gives way only when no line waits for a request.
    Progress,
}

/// All lines of a listener.
#[derive(Debug)]
pub struct Lines {
    slots: Arc<Semaphore>,
    queue: Mutex<Queue>,
    /// A line began to wait.
    began: Notify,
    /// A line that was told to give way is being answered by now.
    kept: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    next: u64,
    places: BTreeMap<Place, Arc<Notify>>,
}

/// What is waited for, and since when: the first gives way first.
type Place = (Wait, u64);

impl Lines {
    /// Has so many slots.
    #[must_use]
    pub fn new(connections_max: u32) -> Arc<Self> {
        let slots = usize::try_from(connections_max).unwrap_or(usize::MAX);
        Arc::new(Self {
            slots: Arc::new(Semaphore::new(slots)),
            queue: Mutex::default(),
            began: Notify::new(),
            kept: Notify::new(),
        })
    }

    /// Waits for a slot for a line that has come; when all are taken, another line is told to give way.
    ///
    /// # Panics
    /// Never: the slots are not closed.
    pub async fn slot(&self) -> OwnedSemaphorePermit {
        loop {
            let slots = Arc::clone(&self.slots);
            if let Ok(slot) = Arc::clone(&slots).try_acquire_owned() {
                return slot;
            }
            let again = if self.tell_one() {
                &self.kept
            } else {
                &self.began
            };
            tokio::select! {
                biased;
                slot = slots.acquire_owned() => return slot.expect("the slots are never closed"),
                () = again.notified() => {}
            }
        }
    }

    /// Waits until every line has ended.
    pub async fn all_ended(&self, connections_max: u32) {
        let _all = self.slots.acquire_many(connections_max).await;
    }

    /// Tells the line that comes first to give way, if there is one.
    fn tell_one(&self) -> bool {
        let first = self.with(|queue| queue.places.pop_first());
        first.inspect(|(_, told)| told.notify_one()).is_some()
    }

    fn with<T>(&self, change: impl FnOnce(&mut Queue) -> T) -> T {
        change(&mut self.queue.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A line's place among those that wait, while it has one.
#[derive(Debug)]
pub struct Line {
    lines: Arc<Lines>,
    told: Arc<Notify>,
    place: Option<Place>,
}

impl Line {
    /// Begins without a place: it does not wait yet.
    #[must_use]
    pub fn of(lines: Arc<Lines>) -> Self {
        Self {
            lines,
            told: Arc::default(),
            place: None,
        }
    }

    /// Takes a place: it waits from now on. One that waits for the same already keeps its place.
    pub fn wait(&mut self, what: Wait) {
        if self.waits() == Some(what) {
            return;
        }
        self.go_on();
        let told = Arc::clone(&self.told);
        self.place = Some(self.lines.with(|queue| {
            let place = (what, queue.next);
            queue.next += 1;
            queue.places.insert(place, told);
            place
        }));
        self.lines.began.notify_one();
    }

    /// Notes that its peer went on: should it stop again, it comes after those that did nothing meanwhile.
    pub fn moved(&mut self) {
        if self.waits() == Some(Wait::Progress) {
            self.go_on();
        }
    }

    /// Gives its place up: it waits no more.
    pub fn go_on(&mut self) {
        if let Some(place) = self.place.take() {
            self.lines.with(|queue| queue.places.remove(&place));
        }
    }

    /// Names what it waits for.
    #[must_use]
    pub fn waits(&self) -> Option<Wait> {
        self.place.map(|(what, _)| what)
    }

    /// Gives what wakes it when it is to give way.
    #[must_use]
    pub fn told(&self) -> Arc<Notify> {
        Arc::clone(&self.told)
    }

    /// Says, once it was told, whether it gives way: not when it waits no more. Then another is told.
    #[must_use]
    pub fn gives_way(&self) -> bool {
        let waits = self.place.is_some();
        if !waits {
            self.lines.kept.notify_one();
        }
        waits
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.go_on();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// Lines that have a slot each, none of them waiting.
    async fn full(count: u32) -> (Arc<Lines>, Vec<(Line, OwnedSemaphorePermit)>) {
        let lines = Lines::new(count);
        let mut open = Vec::new();
        for _ in 0..count {
            let slot = lines.slot().await;
            open.push((Line::of(Arc::clone(&lines)), slot));
        }
        (lines, open)
    }

    /// Which line is told to give way when a new one comes.
    async fn told(open: &[(Line, OwnedSemaphorePermit)], lines: &Lines) -> Option<usize> {
        let new = tokio::time::timeout(Duration::from_millis(20), lines.slot());
        assert!(new.await.is_err(), "there was a slot");
        for (number, (line, _)) in open.iter().enumerate() {
            let told = line.told();
            let told = tokio::time::timeout(Duration::from_millis(1), told.notified());
            if told.await.is_ok() {
                return Some(number);
            }
        }
        None
    }

    #[tokio::test]
    async fn nobody_gives_way_while_there_is_a_slot() {
        let lines = Lines::new(2);
        let mut first = Line::of(Arc::clone(&lines));
        let _slot = lines.slot().await;
        first.wait(Wait::Request);
        let _second = lines.slot().await;
        assert_eq!(lines.with(|queue| queue.places.len()), 1);
    }

    #[tokio::test]
    async fn the_line_that_waits_longest_gives_way_and_none_that_is_answered() {
        let (lines, mut open) = full(4).await;
        assert_eq!(told(&open, &lines).await, None);
        for number in [2, 1, 3] {
            open[number].0.wait(Wait::Request);
        }
        open[2].0.go_on();
        assert_eq!(told(&open, &lines).await, Some(1));
        assert!(open[1].0.gives_way());
        // Its slot is the new one's.
        drop(open.remove(1));
        let _slot = lines.slot().await;
    }

    #[tokio::test]
    async fn who_is_slow_gives_way_after_all_that_wait_for_a_request() {
        let (lines, mut open) = full(2).await;
        open[0].0.wait(Wait::Progress);
        open[1].0.wait(Wait::Request);
        assert_eq!(told(&open, &lines).await, Some(1));
        assert_eq!(told(&open, &lines).await, Some(0));
    }

    #[tokio::test]
    async fn who_goes_on_comes_after_who_does_nothing() {
        let (lines, mut open) = full(2).await;
        open[0].0.wait(Wait::Progress);
        open[1].0.wait(Wait::Progress);
        open[0].0.moved();
        open[0].0.wait(Wait::Progress);
        assert_eq!(told(&open, &lines).await, Some(1));
    }

    #[tokio::test]
    async fn a_line_that_was_told_and_is_answered_by_now_lets_another_be_told() {
        let (lines, mut open) = full(2).await;
        open[0].0.wait(Wait::Request);
        let waiting = tokio::spawn({
            let lines = Arc::clone(&lines);
            async move { lines.slot().await }
        });
        open[0].0.told().notified().await;
        open[0].0.go_on();
        open[1].0.wait(Wait::Request);
        assert!(!open[0].0.gives_way());
        open[1].0.told().notified().await;
        drop(open.pop());
        let _slot = waiting.await.unwrap();
    }

    #[tokio::test]
    async fn a_line_that_begins_to_wait_while_a_new_one_is_there_is_told() {
        let (lines, mut open) = full(1).await;
        let waiting = tokio::spawn({
            let lines = Arc::clone(&lines);
            async move { lines.slot().await }
        });
        tokio::task::yield_now().await;
        open[0].0.wait(Wait::Request);
        open[0].0.told().notified().await;
        drop(open);
        let _slot = waiting.await.unwrap();
    }

    #[tokio::test]
    async fn a_line_that_ended_leaves_no_place() {
        let (lines, mut open) = full(1).await;
        open[0].0.wait(Wait::Request);
        drop(open);
        assert!(lines.with(|queue| queue.places.is_empty()));
    }
}
