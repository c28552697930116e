//! Removes from the log what a person or a number left in it.
//!
//! A segment with such events is written anew, with tombstones in their places that are as long as they were: every other event stays where
//! it is, so that readers with the old file and readers with the new one find the same. The new file takes the old one's place in one step.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::PoisonError;

use super::error::io;
use super::index::Place;
use super::log::Core;
use super::reader::entry;
use super::scan::scan;
use super::segment::Segment;
use super::window::Window;
use super::{Entry, JournalError, checkpoint, disk, index_file};

/// What is to be removed.
pub trait Matcher: Sync {
    /// Whether an event has to go.
    fn matches(&self, entry: &Entry) -> bool;

    /// Whether a checkpoint, which is the gateway's own, has to go.
    fn mentioned_in(&self, checkpoint: &[u8]) -> bool;
}

/// What was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// Events that were looked at.
    pub looked_at: u64,
    /// Events that were removed.
    pub events: u64,
    /// Segments that they were in.
    pub segments: usize,
    /// The checkpoint was removed too.
    pub checkpoint: bool,
}

impl Erased {
    /// Nothing was found.
    pub fn is_nothing(&self) -> bool {
        self.events == 0 && !self.checkpoint
    }
}

const SPAN: usize = 256 * 1024;

pub(super) fn erase(core: &Core, matcher: &dyn Matcher, dry_run: bool) -> Result<Erased, JournalError> {
    let _maintenance = core.keeper.maintenance.lock().unwrap_or_else(PoisonError::into_inner);
    if !dry_run {
        // What is written cannot be replaced: the writer goes on in another segment.
        let writer = &mut *core.lock();
        if writer.output.as_ref().is_some_and(|output| !output.segment.is_empty()) {
            core.roll(writer, writer.next)?;
        }
    }
    let mut erased = Erased::default();
    let segments = core.shared.segments.load_full();
    if !dry_run {
        for segment in segments.iter().rev().skip(1) {
            cut(segment).map_err(io("cut", &segment.path))?;
        }
    }
    for segment in segments.iter().filter(|segment| !segment.is_empty()) {
        let found = match find(core, segment, matcher, &mut erased.looked_at) {
            // Retention came first.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            other => other.map_err(io("read", &segment.path))?,
        };
        if found.is_empty() {
            continue;
        }
        erased.events += found.len() as u64;
        erased.segments += 1;
        if !dry_run {
            replace(core, segment, &found).map_err(io("write", &segment.path))?;
        }
    }
    if let Some((_, bytes)) = checkpoint::read(&core.shared.folder, core.shared.id)? {
        erased.checkpoint = matcher.mentioned_in(&bytes);
        if erased.checkpoint && !dry_run {
            checkpoint::remove(&core.shared.folder)?;
        }
    }
    Ok(erased)
}

/// The events of a segment that have to go: where they lie, and what takes their places.
fn find(core: &Core, segment: &Segment, matcher: &dyn Matcher, looked_at: &mut u64) -> io::Result<Vec<(Place, Vec<u8>)>> {
    let (mut found, mut window, mut range) = (Vec::new(), Window::new(SPAN, 0), segment.first..segment.next());
    let file = File::open(&segment.path)?;
    while !range.is_empty() {
        let (places, looked) = segment.places(&core.shared.indexes, None, range.clone(), 1024, false)?;
        for place in places {
            let Some(raw) = window.record(&file, place, segment.end())? else { continue };
            *looked_at += 1;
            if !raw.event.is_empty() && matcher.matches(&entry(segment.epoch, &raw)) {
                found.push((place, raw.tombstone()));
            }
        }
        range.start = looked.end;
    }
    Ok(found)
}

/// Cuts off what was being written when the machine stopped: no reader looks at it, and nobody knows whom it names.
fn cut(segment: &Segment) -> io::Result<()> {
    let file = match File::options().write(true).open(&segment.path) {
        // Retention came first.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    if file.metadata()?.len() > segment.end() { file.set_len(segment.end()).and_then(|()| file.sync_all()) } else { Ok(()) }
}

fn replace(core: &Core, segment: &Segment, tombstones: &[(Place, Vec<u8>)]) -> io::Result<()> {
    let temporary = segment.path.with_extension("log.tmp");
    fs::copy(&segment.path, &temporary)?;
    let file = File::options().write(true).open(&temporary)?;
    for (place, tombstone) in tombstones {
        file.write_all_at(tombstone, place.offset.into())?;
    }
    file.sync_all()?;
    let bytes = index(core, segment, &temporary)?;
    // The index first: should the machine stop between the two, the old events are there, not found by their keys, and erased the next time.
    disk::replace(&*core.disk, &segment.index_path(), &bytes, true)?;
    core.disk.rename(&temporary, &segment.path)?;
    core.disk.sync_folder(&core.shared.folder)?;
    segment.set_beside(bytes.len() as u64);
    core.shared.forget(segment);
    Ok(())
}

fn index(core: &Core, segment: &Segment, path: &Path) -> io::Result<Vec<u8>> {
    let scan = scan(path, segment.first, segment.next())?;
    Ok(index_file::encode(&segment.meta(core.shared.id), &scan.index))
}
