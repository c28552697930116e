//! The login: Init, Open, its completion, capabilities.
//!
//! `ProviderOpenResponse` with result 0 is not yet an open provider: `ProviderOpenCompletedEvent` decides, and may come late,
//! when the directory is slow.

use std::time::Duration;

use super::Finding;
use super::conversation::Request;
use super::describing::bounded;
use super::heartbeat::Heartbeats;
use super::occurrence::Occurrence;
use super::refusal::Refusal;
use super::session::{Ending, Session};
use crate::ctiqbe::messages::{
    FailureResponse, ProviderClosedEvent, ProviderGetCapabilitiesRequest, ProviderGetCapabilitiesResponse, ProviderInitRequest,
    ProviderInitResponse, ProviderOpenCompletedEvent, ProviderOpenRequest, ProviderOpenResponse,
};
use crate::ctiqbe::names::{ApplicationPriority, CtiFailure};
use crate::ctiqbe::{DecodeError, Frame, Message, Text, Wide, latin1, login};

/// Below so many days an expiring password is warned of.
const EXPIRY_WARNING: u32 = 14;

impl Session {
    pub(super) fn send_init(&mut self, now: Duration) {
        let deadline = now + Duration::from_secs(self.config.timeouts.request.into());
        let client = &self.config.client;
        let provider = self.provider_name();
        self.talk.ask(Request::Init, deadline, |sequence_number| ProviderInitRequest {
            sequence_number,
            provider: Text::new(provider.as_bytes()),
            qbe_client_verion: Text::new(client.qbe_client_version.as_bytes()),
            application_id: Text::new(client.application_id.as_bytes()),
            plugin_name: Text::new(client.plugin_name.as_bytes()),
        });
    }

    /// The host that was dialled, as Cisco's client names the provider.
    fn provider_name(&self) -> String {
        self.manager().map(|m| latin1(&m.host).iter().map(|b| char::from(*b)).collect()).unwrap_or_default()
    }

    /// A message while the provider is not open. Others than these are only counted.
    pub(super) fn login_message(&mut self, now: Duration, frame: &Frame<'_>, findings: &mut Vec<Finding<'_>>) -> Result<(), DecodeError> {
        match frame.id {
            ProviderInitResponse::ID => self.init_answered(now, &frame.decode()?, findings),
            ProviderOpenResponse::ID => self.open_answered(now, &frame.decode()?, findings),
            ProviderOpenCompletedEvent::ID => self.open_completed(now, &frame.decode()?, findings),
            ProviderGetCapabilitiesResponse::ID => {
                let m = frame.decode::<ProviderGetCapabilitiesResponse>()?;
                if self.talk.answered_if(m.sequence_number, |r| *r == Request::Capabilities).is_none() {
                    return Ok(());
                }
                if m.result.is_ok() {
                    self.opened(now, &m.provider_capabilities_info, findings);
                } else {
                    self.refused(now, m.result, String::new(), findings);
                }
            }
            ProviderClosedEvent::ID => self.provider_closed(now, frame.decode::<ProviderClosedEvent>()?.reason, findings),
            FailureResponse::ID => {
                let m = frame.decode::<FailureResponse<'_>>()?;
                if self.talk.answered(m.sequence_number).is_some() {
                    self.refused(now, m.result, bounded(&m.description), findings);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn refused(&mut self, now: Duration, result: CtiFailure, description: String, findings: &mut Vec<Finding<'_>>) {
        self.end(now, Ending::Refused(Refusal::of_session(result, description)), findings);
    }

    fn init_answered(&mut self, now: Duration, response: &ProviderInitResponse<'_>, findings: &mut Vec<Finding<'_>>) {
        if self.talk.answered_if(response.sequence_number, |r| *r == Request::Init).is_none() {
            return;
        }
        if !response.result.is_ok() {
            return self.refused(now, response.result, String::new(), findings);
        }
        let sealed = match login::seal(self.password.reveal(), response.nonce.as_bytes(), response.certificate) {
            Ok(sealed) => sealed,
            Err(error) => return self.end(now, error.into(), findings),
        };
        let deadline = now + Duration::from_secs(self.config.timeouts.open.into());
        let provider = self.provider_name();
        let (client, user) = (&self.config.client, &self.config.user);
        let heartbeat = i32::try_from(self.config.heartbeat).unwrap_or(i32::MAX);
        self.talk.ask(Request::Open, deadline, |sequence_number| ProviderOpenRequest {
            sequence_number,
            provider: Text::new(provider.as_bytes()),
            qbe_client_version: Text::new(client.qbe_client_version.as_bytes()),
            login: Wide::Str(user),
            password: &sealed.password,
            filter: super::asked::PROVIDER,
            application_id: Text::new(client.application_id.as_bytes()),
            desired_server_heartbeat_time: heartbeat,
            plugin_name: Text::new(client.plugin_name.as_bytes()),
            application_priority: ApplicationPriority::NORMAL,
            encrypted_key_data: &sealed.encrypted_key,
            ..ProviderOpenRequest::default()
        });
    }

    fn open_answered(&mut self, now: Duration, response: &ProviderOpenResponse<'_>, findings: &mut Vec<Finding<'_>>) {
        if self.talk.waiting(response.sequence_number) != Some(&Request::Open) {
            return;
        }
        if !response.result.is_ok() {
            return self.refused(now, response.result, String::new(), findings);
        }
        self.heartbeats = Some(Heartbeats::new(response.client_heartbeat, response.server_heartbeat, self.config.heartbeat, now));
    }

    fn open_completed(&mut self, now: Duration, event: &ProviderOpenCompletedEvent<'_>, findings: &mut Vec<Finding<'_>>) {
        // There is one such request on a connection, whatever sequence number the event names.
        if !self.talk.completed(&Request::Open) {
            return;
        }
        if !event.reason.is_ok() {
            return self.refused(now, event.reason, bounded(&event.failure_description), findings);
        }
        if self.heartbeats.is_none() {
            self.heartbeats = Some(Heartbeats::new(event.client_heartbeat, event.server_heartbeat, self.config.heartbeat, now));
        }
        // -1 says that the password does not expire.
        let days = u32::try_from(event.days_until_password_expiry).ok();
        self.status.update(|s| s.days_until_password_expiry = days);
        if let Some(days) = days.filter(|days| *days < EXPIRY_WARNING) {
            Occurrence::PasswordExpires { days }.emit(self.id);
        }
        self.cluster = bounded(&event.cluster_id).into();
        let deadline = now + Duration::from_secs(self.config.timeouts.request.into());
        self.talk.ask(Request::Capabilities, deadline, |sequence_number| ProviderGetCapabilitiesRequest { sequence_number });
    }
}
