//! Lines read on all cores, with a result that does not depend on which core was faster.

use std::{
    io::Read,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{
    blocks::{Block, Cutter},
    collect::{Collector, Ids, Part, Place, Stop},
    pipeline::{Progress, Settings, ends_early, json},
    quick::{Quick, Scratch},
};
use crate::{import::Reject, usage::Observation};

/// Reads lines of JSON: each core takes one block after the other.
pub(super) fn lines(
    input: impl Read + Send,
    file: &Arc<str>,
    settings: &Settings,
    progress: &Progress,
    into: &mut Collector,
) -> Result<(), Stop> {
    let keeping = into.is_keeping(settings);
    let shared = Shared {
        file,
        settings,
        progress,
        cutter: Mutex::new((0, Cutter::new(input))),
        turns: Turns { state: Mutex::new((0, std::mem::take(&mut into.ids))), moved: Condvar::new() },
        kept: AtomicU64::new(into.kept()),
        stopped: AtomicU64::new(u64::MAX),
    };
    let workers = rayon::current_num_threads().max(1);
    let found: Vec<Worked> = std::thread::scope(|scope| {
        let work = || shared.work(Part::new(file, keeping));
        let others: Vec<_> = (1..workers).map(|_| scope.spawn(work)).collect();
        let own = work();
        let others = others.into_iter().map(|other| other.join().expect("a reader of lines does not panic"));
        std::iter::once(own).chain(others).collect()
    });
    into.ids = shared.turns.state.into_inner().unwrap_or_else(PoisonError::into_inner).1;
    join(found, settings, into)
}

/// Puts together what the cores found: the first stop, or all sums and the single rows in their order.
fn join(mut found: Vec<Worked>, settings: &Settings, into: &mut Collector) -> Result<(), Stop> {
    let stops = found.iter_mut().filter_map(|worked| worked.stop.take());
    if let Some((_, stop)) = stops.min_by_key(|(block, _)| *block) {
        return Err(stop);
    }
    let mut blocks: Vec<(u64, Vec<Observation>)> = Vec::new();
    for worked in found {
        blocks.extend(worked.blocks);
        into.merge(settings, worked.part)?;
    }
    blocks.sort_by_key(|(block, _)| *block);
    blocks.into_iter().for_each(|(_, kept)| into.keep(settings, kept));
    Ok(())
}

/// What the cores share.
struct Shared<'a, R> {
    file: &'a Arc<str>,
    settings: &'a Settings,
    progress: &'a Progress,
    /// The number of the next block, and where it comes from.
    cutter: Mutex<(u64, Cutter<R>)>,
    turns: Turns,
    /// Single rows that are kept.
    kept: AtomicU64,
    /// The first block that ends the import.
    stopped: AtomicU64,
}

/// What one core found.
struct Worked {
    part: Part,
    blocks: Vec<(u64, Vec<Observation>)>,
    stop: Option<(u64, Stop)>,
}

impl<R: Read> Shared<'_, R> {
    fn work(&self, part: Part) -> Worked {
        let mut worked = Worked { part, blocks: Vec::new(), stop: None };
        let (mut text, mut desk) = (Vec::new(), Desk::new(self.settings));
        while let Some((number, block)) = self.next(&mut text) {
            let turn = Turn { turns: &self.turns, number };
            if number > self.stopped.load(Ordering::Relaxed) {
                break;
            }
            let before = worked.part.rows;
            let read = self.block(block, &text, &mut desk, &mut worked.part);
            let read = read.and_then(|()| {
                worked.part.settle(&mut turn.wait().1, self.settings);
                drop(turn);
                worked.part.count()
            });
            if let Err(stop) = read {
                self.stopped.fetch_min(number, Ordering::Relaxed);
                worked.stop = Some((number, stop));
                break;
            }
            self.keep(number, &mut worked);
            self.progress.rows.fetch_add(worked.part.rows - before, Ordering::Relaxed);
        }
        worked
    }

    fn next(&self, text: &mut Vec<u8>) -> Option<(u64, Block)> {
        let mut cutter = self.cutter.lock().unwrap_or_else(PoisonError::into_inner);
        let block = cutter.1.next(text)?;
        cutter.0 += 1;
        Some((cutter.0 - 1, block))
    }

    fn block(&self, block: Block, text: &[u8], desk: &mut Desk<'_>, part: &mut Part) -> Result<(), Stop> {
        let place = |at: u64| Place { file: self.file.clone(), at, is_row: false };
        match block {
            Block::TooLong { at } => part.reject(self.settings, place(at), &Reject::TooLong),
            Block::Ended { at, error } => part.reject(self.settings, place(at), &ends_early(&error)),
            Block::Lines { at } => {
                self.progress.bytes.fetch_add(text.len() as u64, Ordering::Relaxed);
                desk.lines(text, &mut |start| place(at + start as u64), part)
            }
        }
    }

    /// Single rows go by the number of their block; too many of them are none.
    fn keep(&self, number: u64, worked: &mut Worked) {
        let Some(kept) = &mut worked.part.kept else { return };
        let kept = std::mem::take(kept);
        let before = self.kept.fetch_add(kept.len() as u64, Ordering::Relaxed);
        if before + kept.len() as u64 > self.settings.keep {
            worked.part.kept = None;
            worked.blocks = Vec::new();
        } else {
            worked.blocks.push((number, kept));
        }
    }
}

/// What one core reads lines with.
pub(super) struct Desk<'s> {
    settings: &'s Settings,
    quick: Option<Quick<'s>>,
    scratch: Scratch,
    stripped: Vec<u8>,
}

impl<'s> Desk<'s> {
    pub fn new(settings: &'s Settings) -> Desk<'s> {
        Desk { settings, quick: Quick::of(settings), scratch: Scratch::default(), stripped: Vec::new() }
    }

    /// Reads whole lines; `place` tells where one begins.
    pub fn lines(
        &mut self,
        text: &[u8],
        place: &mut dyn FnMut(usize) -> Place,
        part: &mut Part,
    ) -> Result<(), Stop> {
        let mut start = 0;
        let ends = memchr::memchr_iter(b'\n', text).map(|end| end + 1).chain([text.len()]);
        for end in ends {
            let line = text[start..end].trim_ascii();
            let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
            if !line.is_empty() {
                self.line(line, place(start), part)?;
            }
            start = end;
        }
        Ok(())
    }

    fn line(&mut self, line: &[u8], place: Place, part: &mut Part) -> Result<(), Stop> {
        // Single rows hold more than what is counted.
        if part.kept.is_none()
            && let Some(row) = self.quick.as_ref().and_then(|quick| quick.row(line, &mut self.scratch))
        {
            return part.quick(&row, place.at);
        }
        json(line, &place, self.settings, part, &mut self.stripped)
    }
}

/// Whose turn it is to tell which responses are new, and those that were met.
struct Turns {
    state: Mutex<(u64, Ids)>,
    moved: Condvar,
}

/// The turn of one block; over when dropped, so that the next comes whatever happened to this one.
struct Turn<'a> {
    turns: &'a Turns,
    number: u64,
}

impl Turn<'_> {
    fn wait(&self) -> MutexGuard<'_, (u64, Ids)> {
        let state = self.turns.state.lock().unwrap_or_else(PoisonError::into_inner);
        let early = |state: &mut (u64, Ids)| state.0 < self.number;
        self.turns.moved.wait_while(state, early).unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.wait().0 = self.number + 1;
        self.turns.moved.notify_all();
    }
}
