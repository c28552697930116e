//! Basic calls, written by hand as a recorded one has them: what the fast path meets most.

use std::sync::Arc;

use crate::cti::{Device, DeviceChange, DeviceKind, Line, LineChange, LineHandle, Notice};
use crate::ctiqbe::messages::{CallPartyInfoChangedEvent, CallStateChangedEvent_V2, NewCallEvent, PartyDNInfo};
use crate::ctiqbe::names::{CallOrigin, CallReason, CallState, CallStateCause, DestinationType};
use crate::ctiqbe::{Text, VERSION_12_5, Wide, encode};

/// Messages of a basic call: two NewCallEvent, one CallPartyInfoChangedEvent, ten CallStateChangedEvent_V2.
pub const MESSAGES: usize = 13;

fn text(text: &str) -> Text<'_> {
    Text::new(text.as_bytes())
}

fn info(partition: &str) -> PartyDNInfo<'_> {
    PartyDNInfo { partition: text(partition), ..Default::default() }
}

/// Tells of the lines 1 to `count`, each on a phone of its own and in service, at a cluster that was just connected.
pub fn lines(count: i32, mut tell: impl FnMut(Notice<'_>)) {
    tell(Notice::Connected { manager: "cucm-pub", cluster: "StandAloneCluster" });
    for i in 1..=count {
        let device = Arc::new(Device {
            name: format!("SEP{i:012X}"),
            model: "Cisco 8861".into(),
            kind: DeviceKind::Phone,
            owner: Some(format!("user{i}")),
            login_user: None,
            device_pool: None,
        });
        tell(Notice::Device { device: &device, change: DeviceChange::InService });
        let line = Arc::new(Line { device, dn: (100_000 + i).to_string(), partition: "Internal-PT".into(), display_name: String::new() });
        tell(Notice::Line { line: &line, change: LineChange::Opened(LineHandle { call_manager: 1, line: i }) });
        tell(Notice::Line { line: &line, change: LineChange::InService });
    }
}

/// The frames of a call from line `a` to line `b`, answered and ended, as the recorded one has them.
pub fn call(a: i32, b: i32, global: i32, out: &mut Vec<u8>) {
    let (calling, called) = ((100_000 + a).to_string(), (100_000 + b).to_string());
    let (calling_name, called_name) = (format!("User {a}"), format!("User {b}"));
    let (leg_a, leg_b) = (global * 2, global * 2 + 1);
    let new = |line: i32, leg, state, origin| NewCallEvent {
        line_call_manager_id: 1,
        line_id: line,
        call_call_manager_id: 1,
        call_leg_id: leg,
        global_call_manager_id: 1,
        call_id: global,
        calling_party: text(&calling),
        un_modified_calling_party: text(&calling),
        calling_party_name: text(&calling_name),
        unicode_calling_party_name: Wide::Str(&calling_name),
        state,
        origin,
        reason: CallReason::DIRECTCALL,
        far_endpoint_type: DestinationType::IN_CLUSTER,
        call_presentable: true,
        calling_party_pi: true,
        calling_party_name_pi: true,
        called_party_pi: true,
        called_party_name_pi: true,
        original_called_party_pi: true,
        original_called_party_name_pi: true,
        calling_party_dn_info: info("Internal-PT"),
        called_party_dn_info: info("Internal-PT"),
        ..Default::default()
    };
    let with_called = |m| NewCallEvent {
        called_party: text(&called),
        original_called_party: text(&called),
        called_party_name: text(&called_name),
        unicode_called_party_name: Wide::Str(&called_name),
        ..m
    };
    let states = |line, leg, states: &[CallState], out: &mut Vec<u8>| {
        for state in states {
            let cause = if *state == CallState::DISCONNECTED { CallStateCause::NORMALCALLCLEARING } else { CallStateCause::NOERROR };
            let message = CallStateChangedEvent_V2 {
                line_call_manager_id: 1,
                line_id: line,
                call_call_manager_id: 1,
                call_leg_id: leg,
                state: *state,
                cause,
                reason: CallReason::DIRECTCALL,
                ..Default::default()
            };
            encode(&message, VERSION_12_5, out);
        }
    };
    encode(&new(a, leg_a, CallState::DIALTONE, CallOrigin::OUTBOUND), VERSION_12_5, out);
    states(a, leg_a, &[CallState::DIALING], out);
    let party = CallPartyInfoChangedEvent {
        line_call_manager_id: 1,
        line_id: a,
        call_call_manager_id: 1,
        call_leg_id: leg_a,
        calling_party_changed: true,
        called_party_changed: true,
        calling_party: text(&calling),
        called_party: text(&called),
        original_called_party: text(&called),
        calling_party_pi: true,
        called_party_pi: true,
        original_called_party_pi: true,
        calling_party_dn_info: info("Internal-PT"),
        called_party_dn_info: info("Internal-PT"),
        ..Default::default()
    };
    encode(&party, VERSION_12_5, out);
    states(a, leg_a, &[CallState::PROCEEDING], out);
    encode(&with_called(new(b, leg_b, CallState::OFFERING, CallOrigin::INBOUNDINTERNAL)), VERSION_12_5, out);
    states(b, leg_b, &[CallState::ACCEPTED], out);
    states(a, leg_a, &[CallState::RINGBACK, CallState::CONNECTED], out);
    states(b, leg_b, &[CallState::CONNECTED], out);
    states(a, leg_a, &[CallState::DISCONNECTED, CallState::IDLE], out);
    states(b, leg_b, &[CallState::DISCONNECTED, CallState::IDLE], out);
}
