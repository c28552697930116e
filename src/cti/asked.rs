//! What we ask CTIManager to tell: an application gets only the events that its filters name.
//!
//! Media, tones, digits, keys and lamps are never asked for: a gateway has no use for them, and some of them are secrets.

use crate::ctiqbe::Message;
use crate::ctiqbe::messages::*;

/// The events of the provider: all six.
pub const PROVIDER: ProviderEventFilter = ProviderEventFilter {
    device_registered: true,
    device_unregistered: true,
    directory_change_notify: true,
    device_config_change_notify: true,
    device_em_login_status_change_notify: true,
    device_multi_media_capability_changed_notify: true,
};

/// The events of a device: its accumulated state, and do-not-disturb.
pub fn of_device() -> DeviceEventFilter {
    DeviceEventFilter {
        device_idle_state: true,
        device_active_state: true,
        device_alerting_state: true,
        device_hold_state: true,
        device_whisper_state: true,
        b_dnd_changed: true,
        ..DeviceEventFilter::default()
    }
}

/// The events of a line: calls, who is in them, and where the line is forwarded to.
pub fn of_line() -> LineEventFilter {
    LineEventFilter {
        call_state_changed: true,
        global_call_handle_changed: true,
        party_info_changed: true,
        b_existing_call_event: true,
        b_existing_call_completed: true,
        b_new_call_event: true,
        b_line_cfwd_all_status: true,
        b_transfer_started: true,
        b_transfer_ended: true,
        b_transfer_failed: true,
        b_conference_started: true,
        b_conference_ended: true,
        b_conference_failed: true,
        b_barge_started: true,
        b_barge_ended: true,
        b_c_barge_started: true,
        b_c_barge_ended: true,
        b_privacy_changed: true,
        b_monitoring_started: true,
        b_monitoring_ended: true,
        b_monitoring_terminated_event: true,
        b_monitor_updated_event: true,
        b_recording_started: true,
        b_recording_ended: true,
        b_recording_failed_event: true,
        b_call_attribute_info: true,
        b_park_status_event: true,
        b_line_hunt_call_status_event: true,
        ..LineEventFilter::default()
    }
}

/// Whether a message is about calls on an open line: it goes to the call model as it is.
#[inline]
pub fn is_about_calls(id: u32) -> bool {
    matches!(
        id,
        NewCallEvent::ID
            | ExistingCallEvent::ID
            | ExistingCallCompletedEvent::ID
            | CallStateChangedEvent_V2::ID
            | CallPartyInfoChangedEvent::ID
            | GlobalCallHandleChangedEvent::ID
            | CallClosedEvent::ID
            | CallConferenceStateChangedEvent::ID
            | LineTransferStartedEvent::ID
            | LineTransferEndedEvent::ID
            | LineConferenceStartedEvent::ID
            | LineConferenceEndedEvent::ID
            | LineBargeStartedEvent::ID
            | LineBargeEndedEvent::ID
            | LineCBargeStartedEvent::ID
            | LineCBargeEndedEvent::ID
            | LineForwardEvent::ID
            | LineParkStatusEvent::ID
            | LineHuntCallStatusEvent::ID
            | LineMonitorTerminatedEvent::ID
            | CallPrivacyChangedEvent::ID
            | CallSelectChangedEvent::ID
            | CallHoldReversionEvent::ID
            | CallMonitoringStartedEvent::ID
            | CallMonitoringEndedEvent::ID
            | CallMonitorUpdatedEvent::ID
            | CallRecordingStartedEvent::ID
            | CallRecordingEndedEvent::ID
            | CallRecordingFailedEvent::ID
            | CallAttributeInfoEvent::ID
            | CallSecurityStatusUpdateEvent::ID
            | CallPresentEvent::ID
            | CallFeatureCancelledEvent::ID
            | CallOrphanStatusEvent::ID
    )
}
