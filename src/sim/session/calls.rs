//! Events of legs as messages.

use super::build::{CALL_CHANGED, CALL_STATE, EXISTING_CALL, NEW_CALL, PARTY_INFO, PartyTexts};
use super::{OpenLine, Session};
use crate::ctiqbe::messages::{
    CallPartyInfoChangedEvent, CallStateChangedEvent_V2, ExistingCallEvent, GlobalCallHandleChangedEvent, LineEventFilter, NewCallEvent,
};
use crate::ctiqbe::names::{CallReason, CallState, CallStateCause};
use crate::ctiqbe::{Text, latin1};
use crate::sim::cluster::{AppearanceId, CALL_MANAGER, Cluster, LegView};

/// Sends a message about a leg and its four parties. Four messages carry the same forty fields of them; they differ in the names of two
/// fields and in a few of their own. `called` and `calling` are the parties' texts, for those.
macro_rules! send_with_parties {
    ($session:ident, $message:ident, $blank:ident, $original:ident $original_name:ident, $line_id:expr, $view:expr,
     |$calling:ident, $called:ident| { $($own:ident: $value:expr),* $(,)? }) => {{
        let view: &LegView = $view;
        let globalized = latin1(view.parties.globalized_calling());
        let $calling = PartyTexts::new(view.parties.calling.as_ref());
        let $called = PartyTexts::new(view.parties.called.as_ref());
        let original = PartyTexts::new(view.parties.original_called.as_ref());
        let redirecting = PartyTexts::new(view.parties.last_redirecting.as_ref());
        $session.send(&$message {
            line_call_manager_id: CALL_MANAGER,
            line_id: $line_id,
            call_call_manager_id: CALL_MANAGER,
            call_leg_id: view.leg,
            reason: view.reason,
            b_remote_in_use: view.remote_in_use,
            b_privacy: view.private,
            globalized_calling_party: Text::new(&globalized),
            calling_party: $calling.number(),
            called_party: $called.number(),
            $original: original.number(),
            last_redirecting_party: redirecting.number(),
            calling_party_name: $calling.name(),
            called_party_name: $called.name(),
            $original_name: original.name(),
            last_redirecting_party_name: redirecting.name(),
            un_modified_calling_party: $calling.number(),
            un_modified_called_party: $called.number(),
            un_modified_original_called_party: original.number(),
            un_modified_last_redirecting_party: redirecting.number(),
            calling_party_pi: $calling.number_allowed,
            calling_party_name_pi: $calling.name_allowed,
            called_party_pi: $called.number_allowed,
            called_party_name_pi: $called.name_allowed,
            original_called_party_pi: original.number_allowed,
            original_called_party_name_pi: original.name_allowed,
            last_redirecting_party_pi: redirecting.number_allowed,
            last_redirecting_party_name_pi: redirecting.name_allowed,
            unicode_calling_party_name: $calling.wide_name,
            unicode_called_party_name: $called.wide_name,
            unicode_original_called_party_name: original.wide_name,
            unicodelast_redirecting_party_name: redirecting.wide_name,
            calling_party_dn_info: $calling.dn_info(),
            called_party_dn_info: $called.dn_info(),
            original_called_party_dn_info: original.dn_info(),
            last_redirecting_party_dn_info: redirecting.dn_info(),
            $($own: $value,)*
            ..*$blank
        });
    }};
}

/// The same of a leg that a client hears of for the first time.
macro_rules! send_whole_leg {
    ($session:ident, $message:ident, $blank:ident, $original_name:ident, $line_id:expr, $view:expr, $cluster:expr) => {{
        let whole: &LegView = $view;
        let device_name = latin1(&$cluster.device($cluster.appearance(whole.appearance).device).name);
        send_with_parties!($session, $message, $blank, original_called_party $original_name, $line_id, whole, |calling, called| {
            line_handle_specified: true,
            device_name: Text::new(&device_name),
            global_call_manager_id: CALL_MANAGER,
            call_id: whole.call,
            state: whole.state,
            origin: whole.origin,
            far_endpoint_type: whole.far_end,
            call_presentable: true,
            cti_call_type: whole.call_type,
            cgpn_pattern_usage: calling.usage,
            cdpn_pattern_usage: called.usage,
            cgpn_hunt_member_dn: calling.hunt_member(),
            cgpn_hunt_member_partition: calling.hunt_member_partition(),
        });
    }};
}

impl Session {
    pub(super) fn send_new_call(&mut self, view: &LegView, cluster: &Cluster) {
        let Some(line_id) = self.asked(view.appearance, |filter| filter.b_new_call_event) else { return };
        send_whole_leg!(self, NewCallEvent, NEW_CALL, original_party_name, line_id, view, cluster);
    }

    /// A call that stood before the client opened the line.
    pub(super) fn send_existing_call(&mut self, line_id: i32, view: &LegView, cluster: &Cluster) {
        send_whole_leg!(self, ExistingCallEvent, EXISTING_CALL, original_called_party_name, line_id, view, cluster);
    }

    pub(super) fn send_parties(&mut self, view: &LegView) {
        let Some(line_id) = self.asked(view.appearance, |filter| filter.party_info_changed) else { return };
        send_with_parties!(
            self, CallPartyInfoChangedEvent, PARTY_INFO, original_called_party original_called_party_name, line_id, view,
            |calling, called| {
                calling_party_changed: true,
                called_party_changed: true,
                far_end_point_type: view.far_end,
                cgpn_pattern_usage: calling.usage,
                cdpn_pattern_usage: called.usage,
                cgpn_hunt_member_dn: calling.hunt_member(),
                cgpn_hunt_member_partition: calling.hunt_member_partition(),
                cdpn_hunt_member_dn: called.hunt_member(),
                cdpn_hunt_member_partition: called.hunt_member_partition(),
            }
        );
    }

    /// A leg is part of another global call.
    pub(super) fn send_call_changed(&mut self, view: &LegView) {
        let Some(line_id) = self.asked(view.appearance, |filter| filter.global_call_handle_changed) else { return };
        send_with_parties!(
            self, GlobalCallHandleChangedEvent, CALL_CHANGED, original_party original_party_name, line_id, view,
            |calling, called| { new_global_call_manager_id: CALL_MANAGER, new_global_call_id: view.call }
        );
    }

    pub(super) fn send_call_state(
        &mut self,
        appearance: AppearanceId,
        call_leg_id: i32,
        (state, cause): (CallState, CallStateCause),
        reason: CallReason,
        b_remote_in_use: bool,
    ) {
        let Some(line_id) = self.asked(appearance, |filter| filter.call_state_changed) else { return };
        self.send(&CallStateChangedEvent_V2 {
            line_call_manager_id: CALL_MANAGER,
            line_id,
            call_call_manager_id: CALL_MANAGER,
            call_leg_id,
            state,
            cause,
            reason,
            b_remote_in_use,
            ..*CALL_STATE
        });
    }

    /// The handle of a line that the client opened with a filter that wants this.
    pub(super) fn asked(&self, appearance: AppearanceId, wants: impl Fn(&LineEventFilter) -> bool) -> Option<i32> {
        let OpenLine { handle, filter } = self.lines.get(&appearance)?;
        wants(filter).then_some(*handle)
    }
}
