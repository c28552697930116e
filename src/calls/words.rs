//! The cluster's numbers in the words of our events.

use std::collections::BTreeSet;

use crate::ctiqbe::names::{CallOrigin, CallReason, CallState, CallStateCause, CtiCallType};
use crate::event::{Cause, Direction, LegState, Purpose};

/// The state of a leg after the cluster named this one; `None` for a state that leaves the leg as it is.
pub fn leg_state(state: CallState, remote_in_use: bool) -> Option<LegState> {
    Some(match state {
        CallState::DIALTONE => LegState::Initiated,
        CallState::DIALING | CallState::PROCEEDING | CallState::PROGRESSING => LegState::Dialing,
        CallState::OFFERING => LegState::Offered,
        CallState::ACCEPTED => LegState::Alerting,
        CallState::RINGBACK => LegState::Ringback,
        CallState::BUSY => LegState::Busy,
        CallState::CONNECTED if remote_in_use => LegState::RemoteInUse,
        CallState::CONNECTED => LegState::Connected,
        CallState::ONHOLD | CallState::ONHOLDPENDING | CallState::TRANSFERONHOLD | CallState::TRANSFERONHOLDPENDING => LegState::Held,
        CallState::REMOTEINUSE => LegState::RemoteInUse,
        CallState::DISCONNECTED | CallState::IDLE => LegState::Disconnected,
        // UNKNOWN is a waiting state during REFER; WAITING, WHISPER and QUEUED say nothing new of the leg; others are not known to us.
        _ => return None,
    })
}

/// The direction that an origin names, where it names one.
pub fn direction(origin: CallOrigin) -> Option<Direction> {
    match origin {
        CallOrigin::OUTBOUND
        | CallOrigin::OUTBOUNDHOLD
        | CallOrigin::OUTBOUNDCONFERENCE
        | CallOrigin::OUTBOUNDTRANSFER
        | CallOrigin::OUTBOUNDPARK => Some(Direction::Outbound),
        CallOrigin::INBOUNDINTERNAL
        | CallOrigin::INBOUNDINTERNALENTERPRISE
        | CallOrigin::INBOUNDEXTERNAL
        | CallOrigin::INBOUNDINTERNALTRANSFER
        | CallOrigin::INBOUNDINTERNALENTERPRISETRANSFER
        | CallOrigin::INBOUNDINTERNALCONFERENCE
        | CallOrigin::INBOUNDINTERNALENTERPRISECONFERENCE
        | CallOrigin::INBOUNDINTERNALBLINDTRANSFER
        | CallOrigin::INBOUNDINTERNALENTERPRISEBLINDTRANSFER => Some(Direction::Inbound),
        _ => None,
    }
}

/// Whether a leg with this reason is inbound whatever its origin says: who picks a call up, or takes it back, looks like the caller.
pub fn settles_inbound(reason: CallReason) -> bool {
    matches!(reason, CallReason::CALLPICKUP | CallReason::UNPARK | CallReason::DPARK_UNPARK)
}

/// Whether a party is parked.
pub fn is_park(reason: CallReason) -> bool {
    matches!(reason, CallReason::PARK | CallReason::DPARK_CALLPARK)
}

/// Whether a leg was made to ask somebody before a transfer or conference.
pub fn is_consult(origin: CallOrigin) -> bool {
    matches!(origin, CallOrigin::OUTBOUNDTRANSFER | CallOrigin::OUTBOUNDCONFERENCE)
}

/// Whether a parked party is taken back.
pub fn is_unpark(reason: CallReason) -> bool {
    matches!(reason, CallReason::UNPARK | CallReason::DPARK_UNPARK)
}

/// Whether a party was handed over after its new party was asked.
pub fn is_transfer(reason: CallReason) -> bool {
    matches!(reason, CallReason::TRANSFERREDCALL | CallReason::CONSULTTRANSFER)
}

/// Whether calls were joined to a conference.
pub fn is_conference(reason: CallReason) -> bool {
    matches!(reason, CallReason::CONFERENCE | CallReason::CLICK_TO_CONFERENCE | CallReason::MEETMECONFERENCE | CallReason::BARGE)
}

/// Whether a leg with this reason came to be because the call was sent on.
pub fn is_diversion(reason: CallReason) -> bool {
    matches!(
        reason,
        CallReason::FORWARDNOANWSER
            | CallReason::FORWARDBUSY
            | CallReason::FORWARDALL
            | CallReason::FORWARD
            | CallReason::REDIRECT
            | CallReason::IMMEDIATEDIVERT
            | CallReason::CALLPICKUP
            | CallReason::CCM_REDIRECTION
            | CallReason::PARKREMINDER
            | CallReason::DPARK_REVERSION
            | CallReason::FORWARD_NO_RETRIEVE
            | CallReason::DEQUEUE
            | CallReason::DEQUEUE_TIMER_EXPIRED
            | CallReason::DEQUEUE_AGENTS_BUSY
            | CallReason::DEQUEUE_AGENTS_UNAVAILABLE
            | CallReason::MOBILITY_FOLLOWME
    )
}

/// Whether a leg that ends so was taken out of its call by a feature: the conversation goes on without it.
pub fn is_split(reason: CallReason, cause: CallStateCause) -> bool {
    cause == CallStateCause::CALLSPLIT
        || is_transfer(reason)
        || is_park(reason)
        || is_diversion(reason)
        || matches!(reason, CallReason::BLINDTRANSFER | CallReason::REFER | CallReason::REPLACE)
}

/// What a call is for that begins with a leg of this reason and type.
///
/// That a call is monitored or recorded is its type too, and then it is a conversation like any other: only the reason of the
/// supervisor's or recorder's own leg says that it is none.
pub fn purpose(reason: CallReason, kind: CtiCallType) -> Purpose {
    const INTERCOM: i32 = CtiCallType::INTERCOM_ORIGINATOR.0 | CtiCallType::INTERCOM_TARGET.0;
    const KEYS: i32 = CtiCallType::CFWD_ALL_SET.0 | CtiCallType::CFWD_ALL_CLEAR.0;
    match reason {
        CallReason::CALL_MONITORING => Purpose::Monitoring,
        CallReason::RECORDING => Purpose::Recording,
        CallReason::SEND_MEDIA_TO_BIB => Purpose::AgentGreeting,
        _ if kind.0 & INTERCOM != 0 => Purpose::Intercom,
        _ if kind.0 & KEYS != 0 => Purpose::Feature,
        _ => Purpose::Conversation,
    }
}

/// A reason in snake case.
pub fn reason(reason: CallReason) -> &'static str {
    match reason {
        CallReason::DIRECTCALL => "direct",
        CallReason::TRANSFERREDCALL => "transfer",
        CallReason::FORWARDNOANWSER => "forward_no_answer",
        CallReason::FORWARDBUSY => "forward_busy",
        CallReason::FORWARDALL => "forward_all",
        CallReason::REDIRECT => "redirect",
        CallReason::BLINDTRANSFER => "blind_transfer",
        CallReason::CONSULTTRANSFER => "consult_transfer",
        CallReason::CONFERENCE => "conference",
        CallReason::PARK => "park",
        CallReason::CALLPICKUP => "pickup",
        CallReason::NORMAL => "normal",
        CallReason::FORWARD => "forward",
        CallReason::MEETMECONFERENCE => "meet_me_conference",
        CallReason::PARKREMINDER => "park_reminder",
        CallReason::UNPARK => "unpark",
        CallReason::TRANSFERFAILED => "transfer_failed",
        CallReason::CONFERENCEFAILED => "conference_failed",
        CallReason::BLINDTRANSFERFAILED => "blind_transfer_failed",
        CallReason::BARGE => "barge",
        CallReason::IMMEDIATEDIVERT => "immediate_divert",
        CallReason::FAC_CMC => "authorization_code",
        CallReason::QSIG_PATH_REPLACEMENT => "path_replacement",
        CallReason::REFER => "refer",
        CallReason::REPLACE => "replaces",
        CallReason::CCM_REDIRECTION => "sip_redirection",
        CallReason::DPARK_CALLPARK => "directed_park",
        CallReason::DPARK_REVERSION => "directed_park_reversion",
        CallReason::DPARK_UNPARK => "directed_unpark",
        CallReason::TALKBACK => "talkback",
        CallReason::CALL_MONITORING => "monitoring",
        CallReason::RECORDING => "recording",
        CallReason::MOBILITY | CallReason::MOBILITY_IVR => "mobility",
        CallReason::MOBILITY_CELLPICKUP => "mobility_cell_pickup",
        CallReason::MOBILITY_HANDIN => "mobility_hand_in",
        CallReason::MOBILITY_HANDOUT => "mobility_hand_out",
        CallReason::MOBILITY_FOLLOWME => "mobility_follow_me",
        CallReason::CLICK_TO_CONFERENCE => "click_to_conference",
        CallReason::FORWARD_NO_RETRIEVE => "forward_no_retrieve",
        CallReason::EXTERNALCALLCONTROL => "external_call_control",
        CallReason::SAF_CCD_PSTN_FAILOVER => "pstn_failover",
        CallReason::SEND_MEDIA_TO_BIB => "agent_greeting",
        CallReason::QUEUE => "queue",
        CallReason::DEQUEUE => "dequeue",
        CallReason::DEQUEUE_TIMER_EXPIRED => "dequeue_timer_expired",
        CallReason::DEQUEUE_AGENTS_BUSY => "dequeue_agents_busy",
        CallReason::DEQUEUE_AGENTS_UNAVAILABLE => "dequeue_agents_unavailable",
        CallReason::PLAY_ANNOUNCEMENT => "announcement",
        _ => "unknown",
    }
}

/// The reason that is written so: the first of those that are written alike.
pub fn reason_of(word: &str) -> Option<CallReason> {
    CallReason::VOCABULARY.values.iter().map(|(value, ..)| CallReason(*value)).find(|one| reason(*one) == word)
}

/// A cause, unless it says that there is none.
pub fn cause(cause: CallStateCause) -> Option<Cause> {
    let code = cause.0;
    // The causes of SIP carry the status in the upper byte and its Q.850 cause in the lower seven bits (as in `CTICCMSIP486BUSYHERE`).
    let sip = cause.name().is_some_and(|name| name.starts_with("CTICCMSIP"));
    let q850 = if sip { code & 0x7f } else { code };
    (cause != CallStateCause::NOERROR).then(|| Cause { code, name: cause_name(CallStateCause(q850)) })
}

/// Every reason that a leg may have, for who describes events.
pub fn reasons() -> BTreeSet<&'static str> {
    CallReason::VOCABULARY.values.iter().map(|(value, ..)| reason(CallReason(*value))).collect()
}

/// The reasons for which a call is sent on.
pub fn diversions() -> BTreeSet<&'static str> {
    let all = CallReason::VOCABULARY.values.iter().map(|(value, ..)| CallReason(*value));
    all.filter(|one| is_diversion(*one)).map(reason).collect()
}

/// The names of all causes.
pub fn causes() -> BTreeSet<&'static str> {
    CallStateCause::VOCABULARY.values.iter().filter_map(|(value, ..)| cause(CallStateCause(*value))).map(|cause| cause.name).collect()
}

fn cause_name(cause: CallStateCause) -> &'static str {
    match cause {
        CallStateCause::UNALLOCATEDNUMBER => "unallocated_number",
        CallStateCause::NOROUTETOTRANSITNET | CallStateCause::NOROUTETODDESTINATION => "no_route",
        CallStateCause::NORMALCALLCLEARING => "normal_call_clearing",
        CallStateCause::USERBUSY => "user_busy",
        CallStateCause::NOUSERRESPONDING => "no_user_responding",
        CallStateCause::NOANSWERFROMUSER => "no_answer",
        CallStateCause::SUBSCRIBERABSENT => "subscriber_absent",
        CallStateCause::CALLREJECTED => "call_rejected",
        CallStateCause::NUMBERCHANGED => "number_changed",
        CallStateCause::NONSELECTEDUSERCLEARING => "answered_elsewhere",
        CallStateCause::DDESTINATIONOUTOFORDER => "destination_out_of_order",
        CallStateCause::INVALIDNUMBERFORMAT => "invalid_number_format",
        CallStateCause::FACILITYREJECTED => "facility_rejected",
        CallStateCause::NORMALUNSPECIFIED => "normal_unspecified",
        CallStateCause::NOCIRCAVAIL => "no_circuit_available",
        CallStateCause::NETOUTOFORDER => "network_out_of_order",
        CallStateCause::TEMPORARYFAILURE => "temporary_failure",
        CallStateCause::SWITCHINGEQUIPMENTCONGESTION => "switch_congestion",
        CallStateCause::REQCIRCNAVIL => "circuit_not_available",
        CallStateCause::RESOURCESNAVAIL => "resources_unavailable",
        CallStateCause::INCOMINGCALLBARRED => "call_barred",
        CallStateCause::RECOVERYONTIMEREXPIRY => "timer_expired",
        CallStateCause::OUTOFBANDWIDTH => "out_of_bandwidth",
        CallStateCause::INTERWORKINGUNSPECIFIED => "interworking",
        CallStateCause::REDIRECTED => "redirected",
        CallStateCause::CTICONFERENCEFULL => "conference_full",
        CallStateCause::CALLSPLIT => "split_by_feature",
        CallStateCause::CTIDROPCONFEREE => "dropped_from_conference",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sip_cause_has_the_name_of_its_q850_cause_and_keeps_its_code() {
        let busy = cause(CallStateCause::CTICCMSIP486BUSYHERE);
        assert_eq!(busy, Some(Cause { code: 1174405137, name: "user_busy" }));
    }

    #[test]
    fn a_split_by_a_feature_is_no_hang_up() {
        assert_eq!(cause(CallStateCause(393216)).map(|c| c.name), Some("split_by_feature"));
    }

    #[test]
    fn a_connected_leg_in_use_elsewhere_is_not_ours() {
        assert_eq!(leg_state(CallState::CONNECTED, true), Some(LegState::RemoteInUse));
    }

    #[test]
    fn a_state_that_no_table_knows_leaves_the_leg_as_it_is() {
        assert_eq!(leg_state(CallState(77), false), None);
    }
}
