//! Application users: their roles, control lists and the state of their account.

use super::{Cluster, DeviceId, Event};
use crate::ctiqbe::names::CtiFailure;

/// An application user, by the order in which the configuration names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AccountId(pub(super) usize);

/// What an account can suffer at an administrator's hands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AccountState {
    /// It can log in.
    #[default]
    Usable,
    /// Locked, by an administrator or after too many failed attempts.
    Locked,
    /// Disabled.
    Disabled,
    /// Its password has expired.
    Expired,
}

/// An application user.
#[derive(Clone, Debug)]
pub struct Account {
    /// The user id.
    pub user: String,
    /// The password.
    pub password: String,
    /// Role 'Standard CTI Enabled'.
    pub cti_enabled: bool,
    /// Role 'Standard CTI Allow Control of All Devices'.
    pub control_any_device: bool,
    /// Whether it can log in.
    pub state: AccountState,
    /// The devices that are associated with the user, in order.
    pub(super) control_list: Vec<DeviceId>,
    /// Failed attempts since the last good one.
    failed_attempts: u32,
}

impl Account {
    /// An application user with nothing in its control list, who can log in.
    pub fn new(user: &str, password: &str, cti_enabled: bool, control_any_device: bool) -> Self {
        let (user, password) = (user.into(), password.into());
        Self { user, password, cti_enabled, control_any_device, state: AccountState::Usable, control_list: vec![], failed_attempts: 0 }
    }

    /// The devices that are associated with the user.
    pub fn control_list(&self) -> &[DeviceId] {
        &self.control_list
    }

    /// Whether a device is associated with the user.
    pub fn has_in_control_list(&self, device: DeviceId) -> bool {
        self.control_list.binary_search(&device).is_ok()
    }
}

impl Cluster {
    /// Associates devices with an application user: its control list.
    pub fn set_control_list(&mut self, id: AccountId, mut devices: Vec<DeviceId>) {
        devices.sort_unstable();
        devices.dedup();
        self.account_mut(id).control_list = devices;
    }

    /// An application user.
    #[allow(clippy::indexing_slicing)] // ids are made by this module, and no account is ever removed
    pub fn account(&self, id: AccountId) -> &Account {
        &self.accounts[id.0]
    }

    #[allow(clippy::indexing_slicing)] // as above
    fn account_mut(&mut self, id: AccountId) -> &mut Account {
        &mut self.accounts[id.0]
    }

    /// The application user of this id.
    pub fn find_account(&self, user: &str) -> Option<AccountId> {
        self.accounts.iter().position(|a| a.user == user).map(AccountId)
    }

    /// Checks a login. The password is `None` when what was sent is no password for this server.
    ///
    /// # Errors
    /// The code that `ProviderOpenCompletedEvent` gives as its reason.
    pub fn log_in(&mut self, user: &str, password: Option<&str>) -> Result<AccountId, CtiFailure> {
        let lock_after = self.lock_after;
        let id = self.find_account(user).ok_or(CtiFailure::DIRECTORY_LOGIN_FAILED)?;
        let account = self.account_mut(id);
        match account.state {
            AccountState::Usable => {}
            AccountState::Locked => return Err(CtiFailure::CTIERR_LOGIN_FAILED_ACCOUNT_LOCKED),
            AccountState::Disabled => return Err(CtiFailure::CTIERR_LOGIN_FAILED_ACCOUNT_DISABLED),
            AccountState::Expired => return Err(CtiFailure::CTIERR_LOGIN_FAILED_PWD_EXPIRED_USER_CAN_RESET),
        }
        if password != Some(account.password.as_str()) {
            account.failed_attempts += 1;
            if account.failed_attempts >= lock_after {
                account.state = AccountState::Locked;
            }
            return Err(CtiFailure::DIRECTORY_LOGIN_FAILED);
        }
        account.failed_attempts = 0;
        if account.cti_enabled { Ok(id) } else { Err(CtiFailure::DIRECTORY_LOGIN_NOT_ALLOWED) }
    }

    /// Locks, disables, expires or frees an account. Sessions that are open stay.
    pub fn set_account_state(&mut self, id: AccountId, state: AccountState) {
        let account = self.account_mut(id);
        account.state = state;
        account.failed_attempts = 0;
    }

    /// Gives or takes away 'Standard CTI Allow Control of All Devices'.
    pub fn set_super_right(&mut self, id: AccountId, given: bool) {
        let account = self.account_mut(id);
        if account.control_any_device != given {
            account.control_any_device = given;
            self.events.push_back(Event::SuperRight(id, given));
        }
    }

    /// Gives or takes away 'Standard CTI Enabled'.
    pub fn set_cti_enabled(&mut self, id: AccountId, given: bool) {
        let account = self.account_mut(id);
        let taken = account.cti_enabled && !given;
        account.cti_enabled = given;
        if taken {
            self.events.push_back(Event::CtiDisabled(id));
        }
    }
}
