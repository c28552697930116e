//! What every device is doing now: a lock-free table, folded from the events that were appended to the log.
//!
//! One writer, any number of readers. Device names are interned once to a dense index; a slot per index. The table is derived
//! from events alone: a restart, or a second machine that reads the log, makes the same one.

mod directory;
mod json;
mod slot;
mod table;

pub use directory::{DeviceView, Directory, LiveLeg, Restriction};
pub use json::push_device;
pub use table::{Aggregate, DeviceIndex, DeviceState, Table};

/// What `slot.rs` is built of. `tests/loom.rs` gives it loom's instead.
mod sync {
    pub use std::hint::spin_loop as spin;
    pub use std::sync::atomic::{AtomicU64, Ordering, fence};
}
