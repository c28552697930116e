//! Transfer, conference, park, pickup, forwarding, hunting and the rest, beside the flows that were recorded (see the session's tests).

use super::*;
use crate::ctiqbe::names::{CallReason, CtiCallType};

/// Phones 3 and 4 talk.
fn talking() -> (Cluster, CallKey) {
    let mut cluster = cluster();
    let key = call(&mut cluster, 3, 4);
    answer(&mut cluster, 4);
    story(&mut cluster);
    (cluster, key)
}

fn device(cluster: &Cluster, number: u32) -> DeviceId {
    cluster.device_at(number).unwrap()
}

fn leg(cluster: &Cluster, number: u32) -> LegKey {
    cluster.find_leg(device(cluster, number), Leg::is_up).unwrap()
}

/// Phones 3 and 4 talk, and 4 consults 5.
fn consulting(purpose: Consultation) -> (Cluster, CallKey, CallKey) {
    let (mut cluster, first) = talking();
    let (own, to) = (leg(&cluster, 4), line(&cluster, 5));
    let second = cluster.consult(own, &to, purpose).unwrap();
    story(&mut cluster);
    (cluster, first, second)
}

/// Calling, called, original called and last redirecting number at a device's only leg.
fn parties(cluster: &Cluster, number: u32) -> [String; 4] {
    let view = cluster.standing_at(phone(cluster, number)).remove(0);
    let number = |party: &Option<Party>| party.as_ref().map(|p| p.number.clone()).unwrap_or_default();
    let Parties { calling, called, original_called, last_redirecting, .. } = &*view.parties;
    [calling, called, original_called, last_redirecting].map(number)
}

#[test]
fn a_transfer_can_be_completed_while_it_rings() {
    let (mut cluster, first, second) = consulting(Consultation::Transfer);
    cluster.complete(device(&cluster, 4)).unwrap();
    assert!(!cluster.stands(second));
    assert_eq!(parties(&cluster, 5), ["100003", "100005", "100005", "100004"]);
    assert_eq!(
        (state(&cluster, 3), state(&cluster, 4), state(&cluster, 5)),
        (DeviceState::ACTIVE, DeviceState::IDLE, DeviceState::ALERTING)
    );
    answer(&mut cluster, 5);
    cluster.clear(first, CallStateCause::NORMALCALLCLEARING);
    assert_eq!((cluster.counters().started, cluster.counters().ended), (2, 2));
}

#[test]
fn a_consultation_that_is_abandoned_ends_as_what_it_was() {
    let (mut cluster, _, second) = consulting(Consultation::Transfer);
    cluster.abandon(device(&cluster, 4)).unwrap();
    assert_eq!(story(&mut cluster), ["4:14 cause 16", "4:1", "5:14 cause 16", "5:1", "4:8"]);
    assert!(!cluster.stands(second));
}

#[test]
fn calls_on_two_lines_of_a_phone_can_be_transferred_directly() {
    let mut cluster = cluster();
    let first = call(&mut cluster, 3, 2);
    answer(&mut cluster, 2);
    let second_line = cluster.device(device(&cluster, 2)).appearances[1];
    let to = line(&cluster, 4);
    cluster.place(Caller::Phone(second_line, false), &to).unwrap();
    cluster.transfer_directly(device(&cluster, 2)).unwrap();
    assert_eq!(parties(&cluster, 4), ["100003", "100004", "100004", "100002"]);
    assert_eq!((cluster.standing(), cluster.legs(first).len(), state(&cluster, 2)), (1, 2, DeviceState::IDLE));
}

#[test]
fn somebody_outside_who_is_handed_to_somebody_outside_leaves_the_cluster() {
    let mut cluster = cluster();
    let to = line(&cluster, 4);
    cluster.place(Caller::Outside(Party::outside("+33199000001", "")), &to).unwrap();
    let own = answer(&mut cluster, 4);
    cluster.transfer_blind(own, &Destination::Outside(Party::outside("+33199000002", ""))).unwrap();
    assert_eq!((cluster.standing(), cluster.counters().ended, state(&cluster, 4)), (0, 1, DeviceState::IDLE));
}

#[test]
fn the_party_that_was_called_becomes_the_caller_when_the_caller_transfers() {
    let (mut cluster, _) = talking();
    let (own, to) = (leg(&cluster, 3), line(&cluster, 5));
    cluster.transfer_blind(own, &to).unwrap();
    assert_eq!(parties(&cluster, 4), ["100004", "100005", "100003", "100003"]);
    assert_eq!(parties(&cluster, 5), parties(&cluster, 4));
}

#[test]
fn a_line_cannot_be_in_a_call_twice() {
    let (mut cluster, _) = talking();
    let (own, to) = (leg(&cluster, 4), line(&cluster, 3));
    cluster.consult(own, &to, Consultation::Transfer).unwrap();
    assert_eq!(cluster.complete(device(&cluster, 4)), Err(CallError::SameLine));
}

#[test]
fn a_conference_of_four_loses_one_after_the_other() {
    let (mut cluster, first, _) = consulting(Consultation::Conference);
    answer(&mut cluster, 5);
    cluster.complete(device(&cluster, 4)).unwrap();
    let (own, to) = (leg(&cluster, 4), line(&cluster, 6));
    cluster.consult(own, &to, Consultation::Conference).unwrap();
    answer(&mut cluster, 6);
    story(&mut cluster);
    cluster.complete(device(&cluster, 4)).unwrap();
    let told = story(&mut cluster);
    assert!(told.contains(&"3:1 PARTYADDED 100006 with 100003 100004 100005".to_owned()), "{told:?}");
    assert_eq!(cluster.legs(first).len(), 4);

    cluster.remove_party(device(&cluster, 4), "100003").unwrap();
    let told = story(&mut cluster);
    assert_eq!(told[..3], ["3:14 cause 458752", "3:1", "4:2 PARTYREMOVED 100003 with 100004 100005 100006"]);
    let controller = leg(&cluster, 4);
    cluster.hang_up(controller, CallStateCause::NORMALCALLCLEARING);
    // Two are left who never called each other: they are told.
    let told = story(&mut cluster);
    assert_eq!(told[told.len() - 2..], ["5:parties", "6:parties"]);
    assert_eq!(parties(&cluster, 6), ["100005", "100006", "100006", ""]);
    let last = leg(&cluster, 5);
    cluster.hang_up(last, CallStateCause::NORMALCALLCLEARING);
    assert_eq!((cluster.standing(), cluster.counters().ended), (0, 3));
}

#[test]
fn all_calls_of_a_phone_can_be_joined() {
    let (mut cluster, first) = talking();
    let (caller, to) = (Caller::Outside(Party::outside("+33199000001", "")), line(&cluster, 4));
    cluster.place(caller, &to).unwrap();
    answer(&mut cluster, 4);
    cluster.join(device(&cluster, 4)).unwrap();
    assert_eq!((cluster.standing(), cluster.participants(first).len()), (1, 3));
    cluster.remove_party(device(&cluster, 3), "+33199000001").unwrap();
    assert!(cluster.plain(first).is_ok());
}

#[test]
fn a_parked_call_is_retrieved_in_the_retrievers_call_or_its_own() {
    for preserve in [false, true] {
        let (mut cluster, first) = talking();
        cluster.set_features(Features { preserve_parked_call: preserve, ..Features::default() });
        let own = leg(&cluster, 4);
        let number = cluster.park(own).unwrap();
        assert_eq!(story(&mut cluster), ["4:1 cause 393216", "3:parties", "4:2 PARKED 100003 at 500001"]);
        assert_eq!(parties(&cluster, 3), ["100003", "500001", "100004", "100004"]);
        let at = phone(&cluster, 5);
        let call = cluster.retrieve(at, &number).unwrap();
        assert_eq!(call == first, preserve);
        let told = story(&mut cluster);
        let moved = if preserve { "5:call 100001" } else { "3:call 100002" };
        assert!(told.contains(&moved.to_owned()), "{told:?}");
        assert_eq!(told.last().unwrap(), "4:4 RETRIEVED 100003 at 500001");
        assert_eq!(parties(&cluster, 3), ["100005", "100003", "100003", "500001"]);
        assert_eq!((cluster.standing(), cluster.counters().ended), (1, 1));
    }
}

#[test]
fn a_parked_call_comes_back_to_who_parked_it() {
    let (mut cluster, _) = talking();
    let own = leg(&cluster, 4);
    cluster.park(own).unwrap();
    let timer = cluster.take_timers().remove(0);
    story(&mut cluster);
    cluster.expire(timer);
    assert_eq!(story(&mut cluster), ["4:3 REMINDER 100003 at 500001", "3:parties", "4:new 2", "4:3", "3:6"]);
    assert_eq!(cluster.standing_at(phone(&cluster, 4))[0].reason, CallReason::PARKREMINDER);
    assert_eq!(parties(&cluster, 4), ["100003", "100004", "100004", "100004"]);
    assert_eq!(cluster.parked_at("500001"), None);
}

#[test]
fn who_is_parked_can_hang_up() {
    let (mut cluster, first) = talking();
    let own = leg(&cluster, 4);
    cluster.park(own).unwrap();
    story(&mut cluster);
    cluster.clear(first, CallStateCause::NORMALCALLCLEARING);
    assert_eq!(story(&mut cluster), ["3:14 cause 16", "3:1", "4:5 ABANDONED 100003 at 500001"]);
    assert!(cluster.car_park.is_empty());
}

#[test]
fn a_call_is_picked_up_at_once_or_rings_where_it_is() {
    for auto_pickup in [true, false] {
        let mut cluster = cluster();
        cluster.set_features(Features { auto_pickup, ..Features::default() });
        call(&mut cluster, 3, 4);
        story(&mut cluster);
        let Destination::Line(from) = line(&cluster, 4) else { panic!("a line") };
        let at = phone(&cluster, 5);
        cluster.pick_up(at, from).unwrap();
        let told = story(&mut cluster);
        assert_eq!(told[..5], ["5:new 4", "5:1", "5:new 2", "4:1 cause 393216", "3:parties"]);
        let rest: &[_] = if auto_pickup { &["3:8", "5:8"] } else { &["5:3"] };
        assert_eq!(told[5..], *rest);
        assert_eq!(parties(&cluster, 5), ["100003", "100005", "100004", "100004"]);
        assert_eq!((cluster.standing(), cluster.counters().started, cluster.counters().ended), (1, 2, 1));
    }
}

#[test]
fn a_forwarded_line_does_not_ring_and_the_target_knows_why() {
    let mut cluster = cluster();
    let Destination::Line(forwarded) = line(&cluster, 4) else { panic!("a line") };
    let target = line(&cluster, 5);
    cluster.set_forward(forwarded, ForwardKind::All, Some(target));
    assert_eq!(story(&mut cluster), ["4:forward 100005"]);
    call(&mut cluster, 3, 4);
    assert_eq!(parties(&cluster, 5), ["100003", "100005", "100004", "100004"]);
    assert_eq!(cluster.standing_at(phone(&cluster, 5))[0].reason, CallReason::FORWARDALL);
    assert_eq!(state(&cluster, 4), DeviceState::IDLE);
}

#[test]
fn lines_that_forward_to_each_other_are_busy() {
    let mut cluster = cluster();
    let lines = [4, 5].map(|number| line(&cluster, number));
    for (from, to) in [(0, 1), (1, 0)] {
        let Destination::Line(line) = lines[from] else { panic!("a line") };
        cluster.set_forward(line, ForwardKind::All, Some(lines[to].clone()));
    }
    story(&mut cluster);
    call(&mut cluster, 3, 4);
    assert_eq!(story(&mut cluster).last().unwrap(), "3:14 cause 17");
}

#[test]
fn what_nobody_answers_is_forwarded_after_a_time() {
    let mut cluster = cluster();
    let Destination::Line(forwarded) = line(&cluster, 4) else { panic!("a line") };
    let target = line(&cluster, 5);
    cluster.set_forward(forwarded, ForwardKind::NoAnswer, Some(target));
    call(&mut cluster, 3, 4);
    let timer = cluster.take_timers().remove(0);
    story(&mut cluster);
    cluster.expire(timer);
    assert_eq!(story(&mut cluster), ["4:1 cause 393216", "3:parties", "5:new 2", "5:3"]);
    cluster.expire(timer);
    assert_eq!(story(&mut cluster), Vec::<String>::new());
}

#[test]
fn what_is_offered_can_be_redirected() {
    let mut cluster = cluster();
    call(&mut cluster, 3, 4);
    story(&mut cluster);
    let (offered, to) = (ring(&cluster, 4), line(&cluster, 5));
    cluster.redirect(offered, &to, CallReason::REDIRECT).unwrap();
    assert_eq!(story(&mut cluster), ["4:1 cause 393216", "3:parties", "5:new 2", "5:3"]);
    assert_eq!(parties(&cluster, 5), ["100003", "100005", "100004", "100004"]);
}

/// A hunt pilot of phones 4 and 5, then 6.
fn hunting() -> (Cluster, CallKey) {
    let mut cluster = cluster();
    let lines = [4, 5].map(|number| cluster.appearance(phone(&cluster, number)).line);
    let forward = Some(line(&cluster, 6));
    let pilot = cluster.set_pilot(Pilot { number: "400001".into(), partition: String::new(), members: lines.into(), forward });
    let caller = Caller::Phone(phone(&cluster, 3), false);
    let key = cluster.place(caller, &Destination::Pilot(pilot)).unwrap();
    story(&mut cluster);
    (cluster, key)
}

#[test]
fn members_of_a_hunt_pilot_ring_one_after_the_other_and_then_where_it_forwards() {
    let (mut cluster, key) = hunting();
    assert_eq!(parties(&cluster, 4), ["100003", "400001", "400001", ""]);
    assert!(cluster.give_up_ringing(key));
    assert_eq!(story(&mut cluster), ["4:1", "5:new 2", "5:3"]);
    assert!(cluster.give_up_ringing(key));
    assert_eq!(story(&mut cluster), ["5:1", "3:parties", "6:new 2", "6:3"]);
    assert_eq!(parties(&cluster, 6), ["100003", "100006", "400001", "400001"]);
}

#[test]
fn the_caller_of_a_hunt_pilot_learns_who_answered() {
    let (mut cluster, _) = hunting();
    answer(&mut cluster, 4);
    assert_eq!(story(&mut cluster), ["3:parties", "3:8", "4:8"]);
    let called = cluster.standing_at(phone(&cluster, 3)).remove(0).parties.called.clone().unwrap();
    assert_eq!((called.number.as_str(), called.hunt_member.unwrap().0.as_str()), ("400001", "100004"));
    let (own, to) = (leg(&cluster, 3), line(&cluster, 6));
    cluster.consult(own, &to, Consultation::Transfer).unwrap();
    answer(&mut cluster, 6);
    story(&mut cluster);
    cluster.complete(device(&cluster, 3)).unwrap();
    // The member is handed over, and nobody hears of a transfer that touches a hunt pilot.
    assert_eq!(parties(&cluster, 4), ["100004", "100006", "100006", "100003"]);
    assert_eq!(story(&mut cluster)[0], "4:parties");
}

#[test]
fn the_other_device_of_a_shared_line_can_barge_unless_the_call_is_private() {
    for conference in [false, true] {
        let mut cluster = cluster();
        let key = call(&mut cluster, 3, 1);
        answer(&mut cluster, 1);
        cluster.set_private(device(&cluster, 1), true).unwrap();
        assert_eq!(cluster.barge(device(&cluster, 2), conference), Err(CallError::Private));
        cluster.set_private(device(&cluster, 1), false).unwrap();
        cluster.barge(device(&cluster, 2), conference).unwrap();
        assert_eq!((state(&cluster, 2), cluster.participants(key).len()), (DeviceState::ACTIVE, 3));
        let barged = leg(&cluster, 2);
        cluster.hang_up(barged, CallStateCause::NORMALCALLCLEARING);
        assert_eq!((state(&cluster, 2), cluster.participants(key).len()), (DeviceState::IDLE, 2));
        cluster.clear(key, CallStateCause::NORMALCALLCLEARING);
        assert_eq!(cluster.standing(), 0);
    }
}

#[test]
fn monitoring_ends_with_the_call_that_is_listened_to() {
    let (mut cluster, first) = talking();
    let (supervisor, agent) = (phone(&cluster, 5), device(&cluster, 4));
    cluster.monitor(supervisor, agent).unwrap();
    let view = cluster.standing_at(supervisor).remove(0);
    assert_eq!((view.call_type, view.state), (CtiCallType::SILENTMONITORCALL, CallState::CONNECTED));
    cluster.clear(first, CallStateCause::NORMALCALLCLEARING);
    assert_eq!((cluster.standing(), cluster.counters().ended, cluster.monitored.len()), (0, 2, 0));
}

#[test]
fn an_intercom_call_answers_by_itself_and_whispers() {
    let mut cluster = cluster();
    let from = phone(&cluster, 3);
    let to = cluster.appearance(phone(&cluster, 4)).line;
    cluster.intercom(from, to).unwrap();
    assert_eq!(state(&cluster, 4), DeviceState::WHISPER);
    cluster.talk_back(device(&cluster, 4)).unwrap();
    assert_eq!(state(&cluster, 4), DeviceState::ACTIVE);
}
