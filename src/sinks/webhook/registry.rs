//! All of webhooks that an administrator has to do with: the store of endpoints, whatever delivers to them, and what is known of that.
//!
//! A change is kept first and then run, one after the other, so that what runs is always what is kept.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value as Json;

use super::control::{Control, Disabled, Paused};
use super::records::Records;
use super::store::{Store, StoreError};
use super::{Endpoint, store};
use crate::telemetry::Metrics;

/// All webhooks.
#[derive(Debug)]
pub struct Registry {
    store: Store,
    control: Arc<dyn Control>,
    records: Arc<Records>,
    metrics: Arc<Metrics>,
    changing: Mutex<()>,
}

impl Registry {
    /// What is kept in `store`, run by `control`, which writes down in `records` what it does.
    pub fn new(store: Store, control: Arc<dyn Control>, records: Arc<Records>, metrics: Arc<Metrics>) -> Self {
        Self { store, control, records, metrics, changing: Mutex::default() }
    }

    /// Has everything run that is kept.
    pub fn start(&self) {
        let _changing = self.changing();
        self.store.all().into_iter().for_each(|store::Stored { endpoint, .. }| self.control.set(endpoint));
    }

    /// What is kept.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// What delivers.
    pub fn control(&self) -> &Arc<dyn Control> {
        &self.control
    }

    /// What was done.
    pub fn records(&self) -> &Records {
        &self.records
    }

    /// Adds an endpoint.
    ///
    /// # Errors
    /// See [`Store::add`].
    pub fn add(&self, made: Json) -> Result<Arc<Endpoint>, StoreError> {
        self.change(|store| store.add(made))
    }

    /// Changes an endpoint.
    ///
    /// # Errors
    /// See [`Store::replace`].
    pub fn replace(&self, name: &str, made: Json) -> Result<Arc<Endpoint>, StoreError> {
        self.change(|store| store.replace(name, made))
    }

    /// Pauses an endpoint.
    ///
    /// # Errors
    /// See [`Store::pause`].
    pub fn pause(&self, name: &str, paused: Paused) -> Result<Arc<Endpoint>, StoreError> {
        self.change(|store| store.pause(name, paused))
    }

    /// Has an endpoint go on, and its breaker begin anew.
    ///
    /// # Errors
    /// See [`Store::resume`].
    pub fn resume(&self, name: &str) -> Result<Arc<Endpoint>, StoreError> {
        self.change(|store| store.resume(name))
    }

    /// Gives an endpoint up. It writes to the disk, and calls [`Control::set`]: whoever delivers holds no lock meanwhile.
    ///
    /// # Errors
    /// See [`Store::disable`].
    pub fn disable(&self, name: &str, disabled: Disabled) -> Result<Arc<Endpoint>, StoreError> {
        self.change(|store| store.disable(name, disabled))
    }

    /// Deletes an endpoint, and all that is known of it.
    ///
    /// # Errors
    /// See [`Store::remove`].
    pub fn remove(&self, name: &str) -> Result<(), StoreError> {
        let _changing = self.changing();
        self.store.remove(name)?;
        self.control.remove(name);
        self.records.remove(name);
        self.metrics.remove_webhook(name);
        Ok(())
    }

    fn change(&self, change: impl FnOnce(&Store) -> Result<Arc<Endpoint>, StoreError>) -> Result<Arc<Endpoint>, StoreError> {
        let _changing = self.changing();
        let endpoint = change(&self.store)?;
        self.control.set(Arc::clone(&endpoint));
        Ok(endpoint)
    }

    fn changing(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
