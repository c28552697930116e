//! A disk that is full when a test wants it to be.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use callcast::journal::{Disk, DiskFile, RealDisk};

/// The system's disk, with a switch.
#[derive(Clone, Debug, Default)]
pub struct SmallDisk(Arc<AtomicBool>);

impl SmallDisk {
    pub fn set_full(&self, full: bool) {
        self.0.store(full, Ordering::SeqCst);
    }

    fn room(&self) -> io::Result<()> {
        if self.0.load(Ordering::SeqCst) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

impl Disk for SmallDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.room()?;
        Ok(Box::new(SmallFile { file: RealDisk.create(path)?, disk: self.clone() }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        RealDisk.sync_folder(path)
    }
}

#[derive(Debug)]
struct SmallFile {
    file: Box<dyn DiskFile>,
    disk: SmallDisk,
}

impl DiskFile for SmallFile {
    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.disk.room()?;
        self.file.write(bytes)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.file.set_len(length)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}
