//! The inventory: which devices to watch, and whose they are. CTI itself cannot list a cluster's devices.
//!
//! CSV has the header `device,user,device_pool` (the last two columns may be missing):
//! ```text
//! device,user,device_pool
//! SEP001122334455,bsmith,DP-Paris
//! SEP001122334466,,
//! ```
//! TOML has a `[[device]]` table with `name`, and `user` and `device_pool` where they are known, for each.
//!
//! A file that a running session may read is best replaced by renaming another one over it.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use thiserror::Error;

/// Devices in one inventory. The largest clusters have 40,000 phones.
const DEVICE_LIMIT: usize = 100_000;
/// Bytes in an inventory file.
const FILE_LIMIT: u64 = 64 << 20;
/// Characters in a device's name. CUCM's longest are far below.
const NAME_LIMIT: usize = 128;

/// The devices to watch, by name, with their users and device pools where known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceList {
    devices: BTreeMap<String, Listed>,
}

/// What the inventory says of a device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// Whose it is.
    pub user: Option<String>,
    /// The device pool that it is in: where it is, for numbers.
    pub device_pool: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CsvRow {
    device: String,
    #[serde(default)]
    user: Option<String>,
    #[serde(default)]
    device_pool: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TomlFile {
    #[serde(default)]
    device: Vec<TomlDevice>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TomlDevice {
    name: String,
    #[serde(default)]
    user: Option<String>,
    #[serde(default)]
    device_pool: Option<String>,
}

impl DeviceList {
    /// Reads a file: TOML when its name ends in `.toml`, else CSV.
    ///
    /// # Errors
    /// When it cannot be read, or something in it is not a device.
    pub fn load(path: &Path) -> Result<Self, InventoryError> {
        let read = || {
            let length = std::fs::metadata(path)?.len();
            if length > FILE_LIMIT {
                return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("{length} bytes are over the limit of {FILE_LIMIT}")));
            }
            std::fs::read_to_string(path)
        };
        let text = read().map_err(|source| InventoryError::Unreadable { path: path.to_owned(), source })?;
        let is_toml = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("toml"));
        let parsed = if is_toml { Self::from_toml(&text) } else { Self::from_csv(&text) };
        parsed.map_err(|fault| InventoryError::Content { path: path.to_owned(), fault })
    }

    /// Reads CSV.
    ///
    /// # Errors
    /// When the header is another, or a row is not a device.
    pub fn from_csv(text: &str) -> Result<Self, InventoryFault> {
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).flexible(true).comment(Some(b'#')).from_reader(text.as_bytes());
        if !reader.headers()?.iter().any(|column| column == "device") {
            return Err(InventoryFault::NoHeader);
        }
        let mut list = Self::default();
        for row in reader.deserialize() {
            let CsvRow { device, user, device_pool } = row?;
            list.add(device, Listed { user, device_pool })?;
        }
        Ok(list)
    }

    /// Reads TOML.
    ///
    /// # Errors
    /// When it is not TOML, or a table is not a device.
    pub fn from_toml(text: &str) -> Result<Self, InventoryFault> {
        let file: TomlFile = toml::from_str(text)?;
        let mut list = Self::default();
        for TomlDevice { name, user, device_pool } in file.device {
            list.add(name, Listed { user, device_pool })?;
        }
        Ok(list)
    }

    /// Adds a device, or changes what is said of it. An empty text says nothing.
    ///
    /// # Errors
    /// When the name cannot be one of a device, or there are too many.
    pub fn add(&mut self, name: String, listed: Listed) -> Result<(), InventoryFault> {
        let is_name = !name.is_empty() && name.len() <= NAME_LIMIT && name.bytes().all(|b| b.is_ascii_graphic());
        if !is_name {
            return Err(InventoryFault::Name(name));
        }
        if self.devices.len() >= DEVICE_LIMIT && !self.devices.contains_key(&name) {
            return Err(InventoryFault::TooMany);
        }
        let said = |text: Option<String>| text.filter(|t| !t.is_empty());
        self.devices.insert(name, Listed { user: said(listed.user), device_pool: said(listed.device_pool) });
        Ok(())
    }

    /// Whether it names this device.
    pub fn contains(&self, device: &str) -> bool {
        self.devices.contains_key(device)
    }

    /// What it says of this device; nothing of one that it does not name.
    pub fn listed(&self, device: &str) -> Listed {
        self.devices.get(device).cloned().unwrap_or_default()
    }

    /// The names of all devices, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.devices.keys().map(String::as_str)
    }

    /// How many devices it names.
    pub fn len(&self) -> usize {
        self.devices.len()
    }

    /// Whether it names none.
    pub fn is_empty(&self) -> bool {
        self.devices.is_empty()
    }
}

/// An inventory that cannot be used.
#[derive(Debug, Error)]
pub enum InventoryError {
    /// The file cannot be read.
    #[error("`inventory.file` {path}: {source}", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What is in it is wrong.
    #[error("`inventory.file` {path}: {fault}", path = path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        fault: InventoryFault,
    },
}

/// What is wrong in an inventory.
#[derive(Debug, Error)]
pub enum InventoryFault {
    /// A CSV file without its header, as an empty one is: it may be just being written.
    #[error("the first line is not the header `device,user,device_pool`, of which the last two may be left out")]
    NoHeader,
    /// Not CSV, or another header.
    #[error("{0}; the header has to be `device,user,device_pool`, of which the last two may be left out")]
    Csv(#[from] csv::Error),
    /// Not TOML, or another key.
    #[error("{0}")]
    Toml(#[from] toml::de::Error),
    /// A name that no device has.
    #[error("{0:?} is not the name of a device, as SEP001122334455")]
    Name(String),
    /// Too many.
    #[error("more than {DEVICE_LIMIT} devices")]
    TooMany,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_names_devices_and_their_users() {
        let list = DeviceList::from_csv("device,user\nSEP000000000001, bsmith\n# spare\nSEP000000000002,\nSEP000000000003\n").unwrap();
        assert_eq!(list.names().collect::<Vec<_>>(), ["SEP000000000001", "SEP000000000002", "SEP000000000003"]);
        assert_eq!(list.listed("SEP000000000001").user.as_deref(), Some("bsmith"));
        assert_eq!(list.listed("SEP000000000002"), Listed::default());
    }

    #[test]
    fn csv_may_name_device_pools_and_leave_users_out() {
        let list = DeviceList::from_csv("device,user,device_pool\nSEP000000000001,bsmith, DP-Paris\nSEP000000000002,,\n").unwrap();
        assert_eq!(list.listed("SEP000000000001").device_pool.as_deref(), Some("DP-Paris"));
        assert_eq!(list.listed("SEP000000000002"), Listed::default());
        let list = DeviceList::from_csv("device,device_pool\nSEP000000000001,DP-Paris\n").unwrap();
        assert_eq!(list.listed("SEP000000000001"), Listed { user: None, device_pool: Some("DP-Paris".into()) });
    }

    #[test]
    fn toml_says_the_same() {
        let toml = "[[device]]\nname = 'SEP000000000001'\nuser = 'bsmith'\ndevice_pool = 'P'\n[[device]]\nname = 'SEP000000000002'";
        let csv = "device,user,device_pool\nSEP000000000001,bsmith,P\nSEP000000000002\n";
        assert_eq!(DeviceList::from_toml(toml).unwrap(), DeviceList::from_csv(csv).unwrap());
    }

    #[test]
    fn a_fault_names_the_file_and_the_cure() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("phones.csv");
        std::fs::write(&path, "name;user\nSEP1;x\n").unwrap();
        let message = DeviceList::load(&path).unwrap_err().to_string();
        assert!(message.contains("phones.csv") && message.contains("`device,user,device_pool`"), "{message}");
        let missing = DeviceList::load(&folder.path().join("none.csv")).unwrap_err().to_string();
        assert!(missing.contains("none.csv"), "{missing}");
    }

    #[test]
    fn an_empty_file_is_no_inventory() {
        assert!(matches!(DeviceList::from_csv(""), Err(InventoryFault::NoHeader)));
        assert!(DeviceList::from_csv("device,user\n").unwrap().is_empty());
    }

    #[test]
    fn a_name_with_a_blank_is_refused() {
        assert!(matches!(DeviceList::from_csv("device,user\nSEP 1,\n"), Err(InventoryFault::Name(_))));
    }
}
