//! Which endpoints there are: those of the configuration's file and those that were made through the API, in one store; and which of them
//! are paused or were given up.
//!
//! What the API made is kept as it came, in one file that is replaced in one step and that nobody else may read: [`Secret`](super::Secret)
//! writes nothing but a mask, so that no secret can get out by the way of an answer.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use thiserror::Error;

use super::control::{Disabled, Endpoint, Paused};
use super::masked;
use super::{Config, endpoint, secret};
use crate::journal::{self, Disk, RealDisk};
use crate::time::Timestamp;

const FILE: &str = "endpoints.json";
const VERSION: u32 = 1;
/// Endpoints in all.
const MOST: usize = 1000;

/// What can go wrong with the endpoints.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The disk refused.
    #[error("cannot {action} {path}: {source}", path = path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// Of what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file makes no sense.
    #[error("{path} is damaged ({reason}): restore it from a backup, or move it away and add the webhooks of the API again", path = path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// In which way.
        reason: String,
    },
    /// Written by a later version of callcast.
    #[error("{path} has format {found} of a newer callcast; this one knows formats up to {VERSION}: run the newer version again", path = path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// Two endpoints of one name.
    #[error(
        "the webhook {name:?} is in {file} and was made through the API too: give the one in the file another name, or take it out, start callcast, and DELETE /admin/v1/webhooks/{name}",
        file = file.display()
    )]
    Twice {
        /// The name.
        name: String,
        /// The configuration's file.
        file: PathBuf,
    },
    /// It is not the API's to change.
    #[error("the webhook {name:?} is in {file}, which the API does not write: change it there and restart callcast", file = file.display())]
    OfFile {
        /// The name.
        name: String,
        /// The configuration's file.
        file: PathBuf,
    },
    /// There is one of that name.
    #[error("there is a webhook {0:?} already: PUT /admin/v1/webhooks/{0} changes it")]
    Exists(String),
    /// There is none of that name.
    #[error("there is no webhook {0:?}; GET /admin/v1/webhooks lists those that there are")]
    Unknown(String),
    /// The name in the address is another.
    #[error("the webhook {path:?} cannot be renamed to {name:?}: add that one, and delete this one")]
    Renamed {
        /// The name in the address.
        path: String,
        /// The name in the body.
        name: String,
    },
    /// It is not what an endpoint is.
    #[error("the webhook is not what is understood here: {0}")]
    Malformed(String),
    /// It cannot work.
    #[error("the webhook cannot work: {}", .0.join("; "))]
    Wrong(Vec<String>),
    /// It leads to what an administrator of the API has no business with.
    #[error("{}: files and the environment of the machine can be named in the configuration's file alone; give the text itself", .0.join(", "))]
    Elsewhere(Vec<String>),
    /// A mask that stands for nothing.
    #[error(transparent)]
    Masked(#[from] masked::MaskError),
    /// Too many.
    #[error("there are {MOST} webhooks, as many as there may be: delete one first")]
    Full,
}

/// Where an endpoint comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The configuration's file.
    File,
    /// The API.
    Api,
}

/// An endpoint of the store.
#[derive(Clone, Debug)]
pub struct Stored {
    /// What is run.
    pub endpoint: Arc<Endpoint>,
    /// Where it comes from.
    pub source: Source,
}

/// The endpoints.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    /// The configuration's file, for those who ask.
    configuration: PathBuf,
    disk: Arc<dyn Disk>,
    known: Mutex<BTreeMap<String, Known>>,
}

#[derive(Clone, Debug)]
struct Known {
    endpoint: Arc<Endpoint>,
    /// As it came through the API; none for one of the file.
    made: Option<Json>,
}

/// What is kept.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Written {
    version: u32,
    endpoints: Vec<Json>,
    states: BTreeMap<String, State>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
struct State {
    #[serde(skip_serializing_if = "Option::is_none")]
    paused: Option<Paused>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disabled: Option<Disabled>,
}

impl Store {
    /// The endpoints of the configuration's file, which were checked, and those that are kept beside the files of the journal. One of the
    /// latter that cannot work any more is there, disabled.
    ///
    /// # Errors
    /// When what is kept cannot be read, or a name is in both.
    pub fn open(journal: &Path, of_file: &[Config], configuration: &Path) -> Result<Self, StoreError> {
        Self::open_on(journal, of_file, configuration, Arc::new(RealDisk))
    }

    /// The same on another disk.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_on(journal: &Path, of_file: &[Config], configuration: &Path, disk: Arc<dyn Disk>) -> Result<Self, StoreError> {
        let path = journal.join(endpoint::FOLDER).join(FILE);
        let Written { endpoints, mut states, .. } = read(&path)?;
        let mut known = BTreeMap::new();
        let mut state = |name: &str| states.remove(name).unwrap_or_default();
        for config in of_file {
            let State { paused, disabled } = state(&config.name);
            let endpoint = Arc::new(Endpoint { config: config.clone(), paused, disabled });
            known.insert(config.name.clone(), Known { endpoint, made: None });
        }
        for made in endpoints {
            let config = parsed(&made).map_err(|_| {
                let named = made.get("name").and_then(Json::as_str).map(|name| format!(" {:?}", endpoint::excerpt(name)));
                StoreError::Damaged { path: path.clone(), reason: format!("the webhook{} is none", named.unwrap_or_default()) }
            })?;
            let name = config.name.clone();
            let State { paused, disabled } = state(&name);
            let disabled = disabled.or_else(|| {
                let wrong = endpoint::check(&config).err()?;
                Some(Disabled { reason: StoreError::Wrong(wrong).to_string(), since: Timestamp::now() })
            });
            let endpoint = Arc::new(Endpoint { config, paused, disabled });
            if known.insert(name.clone(), Known { endpoint, made: Some(made) }).is_some() {
                return Err(StoreError::Twice { name, file: configuration.into() });
            }
        }
        Ok(Self { path, configuration: configuration.into(), disk, known: Mutex::new(known) })
    }

    /// The configuration's file.
    pub fn configuration(&self) -> &Path {
        &self.configuration
    }

    /// All endpoints, by name.
    pub fn all(&self) -> Vec<Stored> {
        self.lock().values().map(Known::stored).collect()
    }

    /// An endpoint.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn get(&self, name: &str) -> Result<Stored, StoreError> {
        self.lock().get(name).map(Known::stored).ok_or_else(|| StoreError::Unknown(endpoint::excerpt(name)))
    }

    /// Adds an endpoint.
    ///
    /// # Errors
    /// When it is none that can work, or there is one of its name.
    pub fn add(&self, mut made: Json) -> Result<Arc<Endpoint>, StoreError> {
        masked::unmask(&mut made, None)?;
        let config = checked(&made)?;
        let name = config.name.clone();
        let file = self.configuration.clone();
        self.change(&name, |known| match known {
            Some(Known { made: None, .. }) => Err(StoreError::OfFile { name: name.clone(), file }),
            Some(_) => Err(StoreError::Exists(name.clone())),
            None => Ok(Some(Known { endpoint: Arc::new(Endpoint { config, paused: None, disabled: None }), made: Some(made) })),
        })
    }

    /// Changes an endpoint: it is all that stands here, but that the mask of a secret leaves that secret as it is.
    ///
    /// # Errors
    /// When it is none that can work, there is none of that name, or it is not the API's to change.
    pub fn replace(&self, name: &str, mut made: Json) -> Result<Arc<Endpoint>, StoreError> {
        let file = self.configuration.clone();
        self.change(name, |known| {
            let Known { endpoint, made: before } = known.ok_or_else(|| StoreError::Unknown(endpoint::excerpt(name)))?;
            let before = before.as_ref().ok_or(StoreError::OfFile { name: name.into(), file })?;
            if let Some(object) = made.as_object_mut() {
                let given = object.entry("name").or_insert_with(|| name.into());
                if let Some(given) = given.as_str().filter(|given| *given != name) {
                    return Err(StoreError::Renamed { path: endpoint::excerpt(name), name: endpoint::excerpt(given) });
                }
            }
            let kept = masked::unmask(&mut made, Some(before))?;
            let config = checked(&made)?;
            masked::check_kept(&kept, &endpoint.config, &config)?;
            let Endpoint { paused, disabled, .. } = (**endpoint).clone();
            Ok(Some(Known { endpoint: Arc::new(Endpoint { config, paused, disabled }), made: Some(made) }))
        })
    }

    /// Deletes an endpoint.
    ///
    /// # Errors
    /// When there is none of that name, or it is not the API's to delete.
    pub fn remove(&self, name: &str) -> Result<(), StoreError> {
        let file = self.configuration.clone();
        self.change(name, |known| match known {
            None => Err(StoreError::Unknown(endpoint::excerpt(name))),
            Some(Known { made: None, .. }) => Err(StoreError::OfFile { name: name.into(), file }),
            Some(_) => Ok(None),
        })
        .map(drop)
    }

    /// Pauses an endpoint, be it of the file or not. One that is paused stays as it is.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn pause(&self, name: &str, paused: Paused) -> Result<Arc<Endpoint>, StoreError> {
        self.change_state(name, |endpoint| {
            endpoint.paused.get_or_insert(paused);
            Ok(())
        })
    }

    /// Has an endpoint go on that was paused or given up.
    ///
    /// # Errors
    /// When there is none of that name, or it cannot work.
    pub fn resume(&self, name: &str) -> Result<Arc<Endpoint>, StoreError> {
        self.change_state(name, |endpoint| {
            endpoint::check(&endpoint.config).map_err(StoreError::Wrong)?;
            (endpoint.paused, endpoint.disabled) = (None, None);
            Ok(())
        })
    }

    /// Notes that an endpoint was given up.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn disable(&self, name: &str, disabled: Disabled) -> Result<Arc<Endpoint>, StoreError> {
        self.change_state(name, |endpoint| {
            endpoint.disabled = Some(disabled);
            Ok(())
        })
    }

    fn change_state(&self, name: &str, change: impl FnOnce(&mut Endpoint) -> Result<(), StoreError>) -> Result<Arc<Endpoint>, StoreError> {
        self.change(name, |known| {
            let known = known.ok_or_else(|| StoreError::Unknown(endpoint::excerpt(name)))?;
            let mut endpoint = (*known.endpoint).clone();
            change(&mut endpoint)?;
            Ok(Some(Known { endpoint: Arc::new(endpoint), made: known.made.clone() }))
        })
    }

    /// Puts something else in place of what is known of a name. It counts when it is on the disk.
    fn change(
        &self,
        name: &str,
        change: impl FnOnce(Option<&Known>) -> Result<Option<Known>, StoreError>,
    ) -> Result<Arc<Endpoint>, StoreError> {
        let mut known = self.lock();
        let mut after = known.clone();
        let before = known.get(name).map(|known| Arc::clone(&known.endpoint));
        let changed = change(known.get(name))?;
        let endpoint = changed.as_ref().map(|changed| Arc::clone(&changed.endpoint)).or(before);
        match changed {
            Some(changed) => after.insert(name.into(), changed),
            None => after.remove(name),
        };
        if after.len() > MOST {
            return Err(StoreError::Full);
        }
        self.write(&after)?;
        *known = after;
        endpoint.ok_or_else(|| StoreError::Unknown(name.into()))
    }

    fn write(&self, known: &BTreeMap<String, Known>) -> Result<(), StoreError> {
        let state = |Known { endpoint, .. }: &Known| State { paused: endpoint.paused.clone(), disabled: endpoint.disabled.clone() };
        let written = Written {
            version: VERSION,
            endpoints: known.values().filter_map(|known| known.made.clone()).collect(),
            states: known.iter().filter(|(_, known)| !known.endpoint.runs()).map(|(name, known)| (name.clone(), state(known))).collect(),
        };
        let failed = |source| StoreError::Io { action: "write", path: self.path.clone(), source };
        let bytes = serde_json::to_vec_pretty(&written).map_err(io::Error::from).map_err(failed)?;
        self.path.parent().map_or(Ok(()), journal::create_folder).map_err(failed)?;
        journal::replace(&*self.disk, &self.path, &bytes, true).map_err(failed)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn stored(&self) -> Stored {
        let source = if self.made.is_some() { Source::Api } else { Source::File };
        Stored { endpoint: Arc::clone(&self.endpoint), source }
    }
}

fn read(path: &Path) -> Result<Written, StoreError> {
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    let bytes = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(Written { version: VERSION, endpoints: Vec::new(), states: BTreeMap::new() });
        }
        other => other.map_err(|source| StoreError::Io { action: "read", path: path.into(), source })?,
    };
    // The reader quotes what it finds, and that may be a secret: only the place is told.
    let damaged = |error: serde_json::Error| StoreError::Damaged {
        path: path.into(),
        reason: format!("line {}, column {}", error.line(), error.column()),
    };
    let Version { version } = serde_json::from_slice(&bytes).map_err(damaged)?;
    if version > VERSION {
        return Err(StoreError::Newer { path: path.into(), found: version });
    }
    serde_json::from_slice(&bytes).map_err(damaged)
}

/// What the API was sent, as an endpoint.
fn parsed(made: &Json) -> Result<Config, StoreError> {
    let config = Config::deserialize(made).map_err(|error| {
        let message = error.to_string();
        // It quotes a text of the wrong type, which may be a secret.
        let message = secret::unquoted(&message).unwrap_or(message);
        let hint = crate::config::nearest_key(&message).map(|key| format!("; did you mean `{key}`?")).unwrap_or_default();
        StoreError::Malformed(format!("{}{hint}", message.chars().take(300).collect::<String>()))
    })?;
    let told = serde_json::to_value(&config).unwrap_or_default();
    has_names(made, &told).then_some(config).ok_or_else(|| StoreError::Malformed("a list stands where an object has to".into()))
}

/// Whether there are names wherever there have to be: serde reads a list as an object whose members come in their order.
fn has_names(made: &Json, told: &Json) -> bool {
    match (made, told) {
        (Json::Array(_), Json::Object(_)) => false,
        (Json::Object(made), Json::Object(told)) => made.iter().all(|(name, made)| told.get(name).is_none_or(|told| has_names(made, told))),
        _ => true,
    }
}

/// The same, when it can be run.
fn checked(made: &Json) -> Result<Config, StoreError> {
    let config = parsed(made)?;
    let elsewhere = endpoint::leading_elsewhere(&config);
    if !elsewhere.is_empty() {
        return Err(StoreError::Elsewhere(elsewhere));
    }
    endpoint::check(&config).map_err(StoreError::Wrong)?;
    Ok(config)
}

#[cfg(test)]
mod tests;
