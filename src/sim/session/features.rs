//! Events of features as messages: transfer, conference, park, forwarding, hunting, barge, monitoring, recording.

use super::Session;
use super::build::{
    ATTRIBUTE, BARGE_STARTED, CBARGE_STARTED, CONFERENCE_CHANGED, CONFERENCE_ENDED, CONFERENCE_STARTED, PRIVACY, PartyTexts,
    TRANSFER_STARTED,
};
use crate::ctiqbe::messages::{
    CallAttributeInfoEvent, CallConferenceStateChangedEvent, CallMonitoringEndedEvent, CallMonitoringStartedEvent, CallPrivacyChangedEvent,
    CallRecordingEndedEvent, CallRecordingStartedEvent, CtiCallForwardInformation, CtiGlobalCallHandle, LineBargeEndedEvent,
    LineBargeStartedEvent, LineCBargeEndedEvent, LineCBargeStartedEvent, LineConferenceEndedEvent, LineConferenceStartedEvent,
    LineForwardEvent, LineHuntCallStatusEvent, LineParkStatusEvent, LineTransferEndedEvent, LineTransferStartedEvent, ParticipantInfo,
};
use crate::ctiqbe::names::{CallReason, CallRecordingType, CallStateCause, MonitorMode};
use crate::ctiqbe::{Array, Text, latin1};
use crate::sim::cluster::{
    AppearanceId, Attribute, BargeNotice, CALL_MANAGER, Cluster, ConferenceChange, ConferenceNotice, DeviceId, LegView, ParkNotice,
    Participant, Party, TransferNotice,
};

/// `CfwdType` of forwarding all calls. A guess: it is JTAPI's constant for it.
const FORWARD_ALL: i32 = 1;
/// `huntCallDisposition`. A guess: nothing is published about its values.
const DISPOSITION: i32 = 0;

fn device_name(cluster: &Cluster, device: DeviceId) -> std::borrow::Cow<'_, [u8]> {
    latin1(&cluster.device(device).name)
}

fn participant<'a>(of: &Participant, texts: &'a PartyTexts<'a>) -> ParticipantInfo<'a> {
    texts.participant(of.leg, of.party.place())
}

impl Session {
    pub(super) fn send_transfer_started(&mut self, line: AppearanceId, notice: &TransferNotice, cluster: &Cluster) {
        let Some(line_id) = self.asked(line, |filter| filter.b_transfer_started) else { return };
        let (controller, device) = (PartyTexts::new(Some(&notice.controller)), device_name(cluster, notice.device));
        self.send(&LineTransferStartedEvent {
            line_call_manager_id: CALL_MANAGER,
            line_id,
            transaction_id: notice.transaction,
            controller_number: controller.number(),
            controller_name: controller.name(),
            surviving_gcmid: CALL_MANAGER,
            surviving_gccid: notice.surviving,
            other_gcmid: CALL_MANAGER,
            other_gccid: notice.other,
            unicode_controller_name: controller.wide_name,
            controller_party_dn_info: controller.dn_info(),
            controller_device_name: Text::new(&device),
            final_controller_call_manager_id: CALL_MANAGER,
            final_controller_call_leg_id: notice.surviving_leg,
            other_controller_call_manager_id: CALL_MANAGER,
            other_controller_call_leg_id: notice.other_leg,
            ..*TRANSFER_STARTED
        });
    }

    pub(super) fn send_transfer_ended(&mut self, line: AppearanceId, transaction_id: i32) {
        let Some(line_id) = self.asked(line, |filter| filter.b_transfer_ended) else { return };
        let ended =
            LineTransferEndedEvent { line_call_manager_id: CALL_MANAGER, line_id, transaction_id, success: true, ..Default::default() };
        self.send(&ended);
    }

    pub(super) fn send_conference_started(&mut self, line: AppearanceId, notice: &ConferenceNotice, cluster: &Cluster) {
        let Some(line_id) = self.asked(line, |filter| filter.b_conference_started) else { return };
        let (controller, device) = (PartyTexts::new(Some(&notice.controller)), device_name(cluster, notice.device));
        let handle = |call_id: &i32| CtiGlobalCallHandle { call_manager_id: CALL_MANAGER, call_id: *call_id };
        let others: Vec<_> = notice.others.iter().map(handle).collect();
        let types = vec![0; others.len()];
        self.send(&LineConferenceStartedEvent {
            line_call_manager_id: CALL_MANAGER,
            line_id,
            transaction_id: notice.transaction,
            controller_number: controller.number(),
            controller_name: controller.name(),
            surviving_gcmid: CALL_MANAGER,
            surviving_gccid: notice.surviving,
            other_gci_ds: others.as_slice().into(),
            secondary_call_types: types.as_slice().into(),
            unicode_controller_name: controller.wide_name,
            controller_party_dn_info: controller.dn_info(),
            requestor_number: controller.number(),
            requestor_name: controller.name(),
            unicode_requestor_name: controller.wide_name,
            requestor_party_dn_info: controller.dn_info(),
            controller_device_name: Text::new(&device),
            requestor_device_name: Text::new(&device),
            ..*CONFERENCE_STARTED
        });
    }

    pub(super) fn send_conference_ended(&mut self, line: AppearanceId, notice: &ConferenceNotice, cluster: &Cluster) {
        let Some(line_id) = self.asked(line, |filter| filter.b_conference_ended) else { return };
        let (controller, device) = (PartyTexts::new(Some(&notice.controller)), device_name(cluster, notice.device));
        self.send(&LineConferenceEndedEvent {
            line_call_manager_id: CALL_MANAGER,
            line_id,
            transaction_id: notice.transaction,
            success: true,
            controller_number: controller.number(),
            controller_name: controller.name(),
            unicode_controller_name: controller.wide_name,
            controller_party_dn_info: controller.dn_info(),
            controller_device_name: Text::new(&device),
            requestor_number: controller.number(),
            requestor_name: controller.name(),
            unicode_requestor_name: controller.wide_name,
            requestor_party_dn_info: controller.dn_info(),
            requestor_device_name: Text::new(&device),
            ..*CONFERENCE_ENDED
        });
    }

    /// Goes with the events of calls' states: no filter names it.
    pub(super) fn send_conference_changed(
        &mut self,
        (line, call_leg_id): (AppearanceId, i32),
        reason: CallReason,
        change: &ConferenceChange,
        cluster: &Cluster,
    ) {
        let Some(line_id) = self.asked(line, |filter| filter.call_state_changed) else { return };
        let changed = PartyTexts::new(Some(&change.changed.party));
        let controller = PartyTexts::new(Some(&change.controller.party));
        let texts: Vec<_> = change.others.iter().map(|other| PartyTexts::new(Some(&other.party))).collect();
        let others: Vec<_> = change.others.iter().zip(&texts).map(|(other, texts)| participant(other, texts)).collect();
        let device = device_name(cluster, change.device);
        self.send(&CallConferenceStateChangedEvent {
            line_call_manager_id: CALL_MANAGER,
            line_id,
            call_call_manager_id: CALL_MANAGER,
            call_leg_id,
            conference_state_changed_id: change.sequence,
            global_call_manager_id: CALL_MANAGER,
            global_call_id: change.call,
            modify_status: change.status,
            changed_participant_info: participant(&change.changed, &changed),
            other_participants_info: others.as_slice().into(),
            controller_participant_info: participant(&change.controller, &controller),
            requestor_participant_info: participant(&change.controller, &controller),
            controller_device_name: Text::new(&device),
            requestor_device_name: Text::new(&device),
            reason,
            ..*CONFERENCE_CHANGED
        });
    }

    pub(super) fn send_park_status(&mut self, line: AppearanceId, notice: &ParkNotice, is_existing: bool) {
        let Some(line_id) = self.asked(line, |filter| filter.b_park_status_event) else { return };
        let (number, parked) = (PartyTexts::new(Some(&notice.number)), PartyTexts::new(Some(&notice.parked)));
        let transaction = notice.transaction.to_string();
        self.send(&LineParkStatusEvent {
            line_call_manager_id: CALL_MANAGER,
            line_id,
            global_call_manager_id: CALL_MANAGER,
            call_id: notice.call,
            transaction_id: Text::new(transaction.as_bytes()),
            park_state: notice.status,
            park_dn: number.number(),
            park_dn_partition: number.dn_info().partition,
            parked_party: parked.number(),
            parked_party_partition: parked.dn_info().partition,
            is_existing,
        });
    }

    pub(super) fn send_forwarding(&mut self, line: AppearanceId, to: Option<&Party>) {
        let Some(line_id) = self.asked(line, |filter| filter.b_line_cfwd_all_status) else { return };
        let to = PartyTexts::new(to);
        let forward = [CtiCallForwardInformation { cfwd_type: FORWARD_ALL, call_fwd_destination: to.number() }];
        self.send(&LineForwardEvent { line_call_manager_id: CALL_MANAGER, line_id, forward_array: forward.as_slice().into() });
    }

    pub(super) fn send_hunt_status(&mut self, line: AppearanceId, global_call_id: i32, to: &Party) {
        let Some(line_id) = self.asked(line, |filter| filter.b_line_hunt_call_status_event) else { return };
        let to = PartyTexts::new(Some(to));
        self.send(&LineHuntCallStatusEvent {
            line_call_manager_id: CALL_MANAGER,
            line_id,
            global_call_manager_id: CALL_MANAGER,
            global_call_id,
            hunt_call_disposition: DISPOSITION,
            re_route_dn: to.number(),
            re_route_partition: to.dn_info().partition,
        });
    }

    pub(super) fn send_barge_started(&mut self, line: AppearanceId, notice: &BargeNotice) {
        let wants = |filter: &super::LineEventFilter| if notice.conference { filter.b_c_barge_started } else { filter.b_barge_started };
        let Some(line_id) = self.asked(line, wants) else { return };
        let controller = PartyTexts::new(Some(&notice.line));
        macro_rules! started {
            ($message:ident, $blank:ident { $($own:ident: $value:expr),* $(,)? }) => {
                self.send(&$message {
                    line_call_manager_id: CALL_MANAGER,
                    line_id,
                    transaction_id: notice.transaction,
                    controller_number: controller.number(),
                    controller_name: controller.name(),
                    surviving_gcmid: CALL_MANAGER,
                    surviving_gccid: notice.surviving,
                    other_gcmid: CALL_MANAGER,
                    other_gccid: notice.other,
                    unicode_controller_name: controller.wide_name,
                    controller_party_dn_info: controller.dn_info(),
                    $($own: $value,)*
                    ..*$blank
                })
            };
        }
        if notice.conference {
            started!(
                LineCBargeStartedEvent,
                CBARGE_STARTED {
                    requestor_number: controller.number(),
                    requestor_name: controller.name(),
                    unicode_requestor_name: controller.wide_name,
                    requestor_party_dn_info: controller.dn_info(),
                }
            );
        } else {
            started!(LineBargeStartedEvent, BARGE_STARTED {});
        }
    }

    pub(super) fn send_barge_ended(&mut self, line: AppearanceId, notice: &BargeNotice) {
        let wants = |filter: &super::LineEventFilter| if notice.conference { filter.b_c_barge_ended } else { filter.b_barge_ended };
        let Some(line_id) = self.asked(line, wants) else { return };
        let (line_call_manager_id, transaction_id, success) = (CALL_MANAGER, notice.transaction, true);
        if notice.conference {
            self.send(&LineCBargeEndedEvent { line_call_manager_id, line_id, transaction_id, success, ..Default::default() });
        } else {
            self.send(&LineBargeEndedEvent { line_call_manager_id, line_id, transaction_id, success, ..Default::default() });
        }
    }

    pub(super) fn send_privacy(&mut self, view: &LegView) {
        let Some(line_id) = self.asked(view.appearance, |filter| filter.b_privacy_changed) else { return };
        let (calling, called) = (PartyTexts::new(view.parties.calling.as_ref()), PartyTexts::new(view.parties.called.as_ref()));
        self.send(&CallPrivacyChangedEvent {
            line_call_manager_id: CALL_MANAGER,
            line_id,
            call_call_manager_id: CALL_MANAGER,
            call_leg_id: view.leg,
            calling_party: calling.number(),
            calling_party_name: calling.name(),
            called_party: called.number(),
            called_party_name: called.name(),
            un_modified_calling_party: calling.number(),
            un_modified_called_party: called.number(),
            calling_party_pi: calling.number_allowed,
            calling_party_name_pi: calling.name_allowed,
            called_party_pi: called.number_allowed,
            called_party_name_pi: called.name_allowed,
            unicode_calling_party_name: calling.wide_name,
            unicode_called_party_name: called.wide_name,
            calling_party_dn_info: calling.dn_info(),
            called_party_dn_info: called.dn_info(),
            reason: view.reason,
            b_privacy: view.private,
            b_remote_in_use: view.remote_in_use,
            ..*PRIVACY
        });
    }

    pub(super) fn send_monitored(&mut self, line: AppearanceId, call_leg_id: i32, on: bool) {
        let Some(line_id) = self.asked(line, |f| if on { f.b_monitoring_started } else { f.b_monitoring_ended }) else { return };
        let (line_call_manager_id, call_call_manager_id, monitor_mode) = (CALL_MANAGER, CALL_MANAGER, MonitorMode::SILENT);
        if on {
            let started = CallMonitoringStartedEvent {
                line_call_manager_id,
                line_id,
                call_call_manager_id,
                call_leg_id,
                monitor_mode,
                ..Default::default()
            };
            self.send(&started);
        } else {
            let cause = CallStateCause::NORMALCALLCLEARING.0;
            let ended = CallMonitoringEndedEvent {
                line_call_manager_id,
                line_id,
                call_call_manager_id,
                call_leg_id,
                monitor_mode,
                cause,
                ..Default::default()
            };
            self.send(&ended);
        }
    }

    pub(super) fn send_recorded(&mut self, line: AppearanceId, call_leg_id: i32, on: bool) {
        let Some(line_id) = self.asked(line, |f| if on { f.b_recording_started } else { f.b_recording_ended }) else { return };
        let (line_call_manager_id, call_call_manager_id) = (CALL_MANAGER, CALL_MANAGER);
        if on {
            self.send(&CallRecordingStartedEvent { line_call_manager_id, line_id, call_call_manager_id, call_leg_id });
        } else {
            let cause = CallStateCause::NORMALCALLCLEARING.0;
            self.send(&CallRecordingEndedEvent {
                line_call_manager_id,
                line_id,
                call_call_manager_id,
                call_leg_id,
                cause,
                ..Default::default()
            });
        }
    }

    pub(super) fn send_attribute(&mut self, line: AppearanceId, call_leg_id: i32, attribute: &Attribute) {
        let Some(line_id) = self.asked(line, |filter| filter.b_call_attribute_info) else { return };
        let (party, device) = (PartyTexts::new(Some(&attribute.party)), latin1(&attribute.device));
        let recorded = attribute.kind == crate::ctiqbe::names::CallAttributeType::RECORDING;
        self.send(&CallAttributeInfoEvent {
            line_call_manager_id: CALL_MANAGER,
            line_id,
            call_call_manager_id: CALL_MANAGER,
            call_leg_id,
            call_attribute_type: attribute.kind,
            number: party.number(),
            partition: party.dn_info().partition,
            device_name: Text::new(&device),
            call_recording_type: if recorded { CallRecordingType::AUTOMATIC } else { CallRecordingType::NONE },
            multi_forking_recorder_info: Array::from(&[][..]),
            ..*ATTRIBUTE
        });
    }
}
