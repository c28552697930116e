//! What the log asks of a disk, as a trait: tests put a disk in its place that is full, slow or broken.

use std::fmt::Debug;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// Makes files and makes them stay. Reading is not its business.
pub trait Disk: Debug + Send + Sync {
    /// A new file that is appended to; what lay there under its name goes.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Gives a file another name, in place of what has it.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Forces a folder's entries to the device.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;
}

/// A file that is appended to.
pub trait DiskFile: Debug + Send + Sync {
    /// Appends some of the bytes; how many.
    fn write(&self, bytes: &[u8]) -> io::Result<usize>;
    /// Cuts it.
    fn set_len(&self, length: u64) -> io::Result<()>;
    /// Forces it to the device.
    fn sync_data(&self) -> io::Result<()>;
}

impl dyn DiskFile + '_ {
    /// Appends all of the bytes.
    pub(crate) fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// The operating system's.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        // A file of that name is a leftover without a record. It gets no new content: a reader may have it open.
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        // Events name people: nobody else on the machine needs to read them.
        Ok(Box::new(File::options().append(true).create_new(true).mode(0o600).open(path)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }
}

impl DiskFile for File {
    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        (&mut &*self).write(bytes)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        Self::set_len(self, length)
    }

    fn sync_data(&self) -> io::Result<()> {
        Self::sync_data(self)
    }
}

/// Makes a folder with those above it, readable by us alone.
pub(crate) fn create_folder(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Puts a file in place of the one of that name: after a crash it is there as it was or as it is, never in part.
pub(crate) fn replace(disk: &dyn Disk, path: &Path, bytes: &[u8], durably: bool) -> io::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".tmp");
    let temporary = Path::new(&temporary);
    let file = disk.create(temporary)?;
    file.write_all(bytes)?;
    if durably {
        file.sync_data()?;
    }
    disk.rename(temporary, path)?;
    match path.parent() {
        Some(folder) if durably => disk.sync_folder(folder),
        _ => Ok(()),
    }
}
