//! Which message about devices and lines goes where.

use super::conversation::Request;
use super::describing::Description;
use super::provider::{Context, Provider};
use super::work::Work;
use super::{DeviceHandle, LineHandle};
use crate::ctiqbe::messages::*;
use crate::ctiqbe::names::DeviceState;
use crate::ctiqbe::{DecodeError, Frame, Message, Side};

/// The handle with which every event of a device begins.
fn device_of(frame: &Frame<'_>) -> Result<DeviceHandle, DecodeError> {
    let mut reader = frame.reader(Side::Server);
    Ok(DeviceHandle { call_manager: reader.int()?, device: reader.int()? })
}

/// The handle with which every event of a line begins.
fn line_of(frame: &Frame<'_>) -> Result<LineHandle, DecodeError> {
    let mut reader = frame.reader(Side::Server);
    Ok(LineHandle { call_manager: reader.int()?, line: reader.int()? })
}

/// A message while the provider is open. Those that nothing is done about are passed over.
pub fn devices_message(provider: &mut Provider, cx: &mut Context<'_, '_>, frame: &Frame<'_>) -> Result<(), DecodeError> {
    match frame.id {
        DeviceLineInfoEvent::ID => line_info(provider, cx, frame.decode()?),
        ProviderDeviceAcquireResponse::ID => {
            let m = frame.decode::<ProviderDeviceAcquireResponse>()?;
            if let Some(Request::Acquire(name)) = cx.talk.answered_if(m.sequence_number, |r| matches!(r, Request::Acquire(_))) {
                provider.acquired(cx, &name, m.result);
            }
        }
        DeviceOpenResponse::ID => {
            let m = frame.decode::<DeviceOpenResponse>()?;
            let handle = DeviceHandle { call_manager: m.call_manager_id, device: m.device_id };
            match cx.talk.answered_if(m.sequence_number, |r| matches!(r, Request::OpenDevice(_))) {
                Some(Request::OpenDevice(name)) => provider.device_opened(cx, &name, m.result, handle),
                None if m.result.is_ok() => provider.opened_too_late(Work::Close(handle)),
                _ => {}
            }
        }
        LineOpenResponse::ID => {
            let m = frame.decode::<LineOpenResponse>()?;
            let handle = LineHandle { call_manager: m.line_call_manager_id, line: m.line_id };
            match cx.talk.answered_if(m.sequence_number, |r| matches!(r, Request::OpenLine(..))) {
                Some(Request::OpenLine(name, number)) => provider.line_opened(cx, &name, number, m.result, handle),
                None if m.result.is_ok() => provider.opened_too_late(Work::CloseLine(handle)),
                _ => {}
            }
        }
        DeviceGetDeviceStateResponse::ID => {
            let m = frame.decode::<DeviceGetDeviceStateResponse>()?;
            if let Some(Request::DeviceState(name)) = cx.talk.answered_if(m.sequence_number, |r| matches!(r, Request::DeviceState(_))) {
                let handle = DeviceHandle { call_manager: m.call_manager_id, device: m.device_id };
                provider.state_answered(cx, &name, m.result.is_ok().then_some((handle, m.device_state)));
            }
        }
        // What was given back: whether that succeeded changes nothing.
        DeviceCloseResponse::ID | LineCloseResponse::ID | ProviderDeviceDeAcquireResponse::ID => {
            cx.talk.answered_if(frame.reader(Side::Server).int()?, |r| *r == Request::Release);
        }
        DeviceInServiceEvent::ID => provider.device_in_service(cx, device_of(frame)?),
        DeviceOutOfServiceEvent::ID => {
            provider.device_out_of_service(cx, device_of(frame)?, frame.decode::<DeviceOutOfServiceEvent>()?.reason);
        }
        DeviceClosedEvent::ID => provider.device_closed(cx, device_of(frame)?, frame.decode::<DeviceClosedEvent>()?.reason),
        LineInServiceEvent::ID => provider.line_in_service(cx, line_of(frame)?),
        LineOutOfServiceEvent::ID => {
            provider.line_out_of_service(cx, line_of(frame)?, frame.decode::<LineOutOfServiceEvent>()?.reason);
        }
        LineClosedEvent::ID => provider.line_closed(cx, line_of(frame)?, frame.decode::<LineClosedEvent>()?.reason),
        DeviceStateIdleEvent::ID => provider.device_state(cx, device_of(frame)?, DeviceState::IDLE),
        DeviceStateActiveEvent::ID => provider.device_state(cx, device_of(frame)?, DeviceState::ACTIVE),
        DeviceStateAlertingEvent::ID => provider.device_state(cx, device_of(frame)?, DeviceState::ALERTING),
        DeviceStateHeldEvent::ID => provider.device_state(cx, device_of(frame)?, DeviceState::HELD),
        DeviceStateWhisperEvent::ID => provider.device_state(cx, device_of(frame)?, DeviceState::WHISPER),
        DeviceRegisteredEvent::ID => {
            let m = frame.decode::<DeviceRegisteredEvent<'_>>()?;
            provider.registered(cx, &m.device_info.name.to_str(), None);
        }
        DeviceRegisteredEventWithLineInfo::ID => {
            let m = frame.decode::<DeviceRegisteredEventWithLineInfo<'_>>()?;
            provider.registered(cx, &m.device_name.to_str(), Some(Description::from(m)));
        }
        DeviceUnregisteredEvent::ID => {
            let m = frame.decode::<DeviceUnregisteredEvent<'_>>()?;
            provider.unregistered(cx, &m.device_info.name.to_str(), m.reason);
        }
        ProviderUserChangedEvent::ID => provider.user_changed(cx, &frame.decode::<ProviderUserChangedEvent<'_>>()?),
        ProviderDeviceDeAcquiredEvent::ID => {
            provider.gone(cx, &frame.decode::<ProviderDeviceDeAcquiredEvent<'_>>()?.device_name.to_str());
        }
        ProviderDeviceEMLoginStatusChangedEvent::ID => {
            provider.login_changed(&frame.decode::<ProviderDeviceEMLoginStatusChangedEvent<'_>>()?.device_name.to_str());
        }
        _ => {}
    }
    Ok(())
}

fn line_info(provider: &mut Provider, cx: &mut Context<'_, '_>, event: DeviceLineInfoEvent<'_>) {
    let deadline = provider.deadline_of_request(cx.now);
    match cx.talk.waiting(event.request_id) {
        // Its completion moves the device on.
        Some(Request::Describe(_)) => {
            cx.talk.renew(event.request_id, deadline);
            provider.describe(cx, Description::from(event), false);
        }
        Some(Request::List) => {
            cx.talk.renew(event.request_id, deadline);
            provider.described_unasked(cx, Description::from(event), true);
        }
        _ => provider.described_unasked(cx, Description::from(event), false),
    }
}
