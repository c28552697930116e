//! The schedule, in a time of its own.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;

use super::super::config::Mode;
use super::super::{Answer, Config, Failed, Fault, Outcome};
use super::*;
use crate::gateway::keys;
use crate::journal::Keys;

const SECOND: u64 = 1_000_000;
const FAR: Timestamp = Timestamp(1_000_000 * SECOND);

fn start() -> Cursor {
    Cursor { journal: 1, epoch: 3, sequence: 0 }
}

fn schedule(change: impl FnOnce(&mut Config)) -> Schedule {
    let mut config = Config::default();
    config.retry.jitter = 0.0;
    change(&mut config);
    Schedule::new(Rules::new(&config, &[]), start())
}

fn event(sequence: Sequence, call: u8) -> Arc<Entry> {
    let mut keys = Keys::default();
    keys.push(keys::CALL, [call; 16]);
    Arc::new(Entry { epoch: 3, sequence, time: Timestamp(1), keys, event: Bytes::from_static(b"{}") })
}

/// Offers an event of a call.
fn offer(schedule: &mut Schedule, sequence: Sequence, call: u8) {
    schedule.offer(Offer::new(event(sequence, call), FAR));
    schedule.looked_at(Cursor { sequence, ..start() }, None);
}

fn offer_all(schedule: &mut Schedule, events: &[(Sequence, u8)]) {
    events.iter().for_each(|(sequence, call)| offer(schedule, *sequence, *call));
}

fn answer(status: u16) -> Settled {
    let result = Ok(Answer { status, retry_after: None });
    Settled { result, sent: Timestamp(1), took: Duration::from_millis(1), random: 0.5 }
}

fn fault(fault: Fault) -> Settled {
    Settled { result: Err(Failed { fault, text: "nobody listens".into() }), ..answer(0) }
}

fn all(schedule: &mut Schedule, now: Timestamp) -> Vec<Load> {
    std::iter::from_fn(|| schedule.next(now)).collect()
}

fn places(loads: &[Load]) -> Vec<Vec<Sequence>> {
    loads.iter().map(|load| load.events.iter().map(|(sequence, _)| *sequence).collect()).collect()
}

fn parked(schedule: &Schedule) -> Vec<Sequence> {
    schedule.position().parked.into_iter().collect()
}

#[test]
fn events_of_one_call_go_one_after_the_other_and_calls_beside_each_other() {
    let mut schedule = schedule(|_| {});
    offer_all(&mut schedule, &[(1, 7), (2, 7), (3, 8)]);
    let loads = all(&mut schedule, Timestamp(1));
    assert_eq!(places(&loads), [[1], [3]]);
    assert_eq!(schedule.standing(2), Standing::Parked { behind: 1 });
    schedule.settle(loads[0].id, answer(200), Timestamp(2));
    assert_eq!(places(&all(&mut schedule, Timestamp(2))), [[2]]);
    assert_eq!(schedule.standing(1), Standing::Done);
}

#[test]
fn no_more_requests_are_on_their_way_than_allowed() {
    let mut schedule = schedule(|config| config.delivery.in_flight = 2);
    (1..=5).for_each(|sequence| offer(&mut schedule, sequence, sequence as u8));
    assert_eq!(all(&mut schedule, Timestamp(1)).len(), 2);
    assert_eq!((schedule.in_flight(), schedule.wake()), (2, Some(FAR)));
}

#[test]
fn what_failed_is_tried_again_after_its_pause_and_holds_back_its_call_alone() {
    let mut schedule = schedule(|config| config.retry.pauses_seconds = vec![5, 30]);
    offer_all(&mut schedule, &[(1, 7), (2, 7), (3, 8)]);
    let loads = all(&mut schedule, Timestamp(0));
    schedule.settle(loads[0].id, answer(500), Timestamp(0));
    schedule.settle(loads[1].id, answer(200), Timestamp(0));
    assert_eq!(schedule.wake(), Some(Timestamp(5 * SECOND)));
    assert!(schedule.next(Timestamp(5 * SECOND - 1)).is_none());
    let again = schedule.next(Timestamp(5 * SECOND)).unwrap();
    assert_eq!((places(std::slice::from_ref(&again)), again.attempt), (vec![vec![1]], 2));
    schedule.settle(again.id, answer(500), Timestamp(5 * SECOND));
    assert_eq!(schedule.wake(), Some(Timestamp(35 * SECOND)));
    assert_eq!(schedule.standing(1), Standing::Retrying { attempts: 2, next: Timestamp(35 * SECOND) });
    assert_eq!(parked(&schedule), [1, 2]);
}

#[test]
fn a_pause_varies_by_its_jitter() {
    let rules = Rules::new(&Config::default(), &[]);
    assert_eq!([0.0, 0.5, 1.0].map(|random| rules.pause(1, random).as_millis()), [4000, 5000, 6000]);
    assert_eq!(rules.pause(100, 0.5).as_secs(), 36_000);
}

#[test]
fn a_retry_after_counts_within_bounds_and_holds_back_everything() {
    let mut schedule = schedule(|config| config.retry.retry_after_max_seconds = 60);
    (1..=2).for_each(|sequence| offer(&mut schedule, sequence, sequence as u8));
    let load = schedule.next(Timestamp(0)).unwrap();
    let result = Ok(Answer { status: 429, retry_after: Some(Duration::from_hours(1)) });
    schedule.settle(load.id, Settled { result, ..answer(0) }, Timestamp(0));
    assert!(schedule.next(Timestamp(59 * SECOND)).is_none());
    assert_eq!(schedule.wake(), Some(Timestamp(60 * SECOND)));
    assert_eq!(all(&mut schedule, Timestamp(60 * SECOND)).len(), 2);
    assert!(schedule.circuit().is_closed());
}

#[test]
fn a_refused_event_is_dead_at_once_and_its_call_goes_on() {
    for status in [400, 413, 422] {
        let mut schedule = schedule(|_| {});
        (1..=2).for_each(|sequence| offer(&mut schedule, sequence, 7));
        let load = schedule.next(Timestamp(1)).unwrap();
        let effects = schedule.settle(load.id, answer(status), Timestamp(1));
        let dead = |effect: &Effect| matches!(effect, Effect::Dead(DeadLetter { sequence: 1, death: Death::Refused, attempts: 1, .. }));
        assert!(effects.iter().any(dead), "{effects:?}");
        assert_eq!(places(&all(&mut schedule, Timestamp(1))), [[2]]);
    }
}

#[test]
fn an_expired_token_opens_the_breaker_and_no_event_is_lost() {
    for status in [401, 403, 404, 407] {
        let mut schedule = schedule(|_| {});
        (1..=2).for_each(|sequence| offer(&mut schedule, sequence, sequence as u8));
        let load = schedule.next(Timestamp(0)).unwrap();
        let effects = schedule.settle(load.id, answer(status), Timestamp(0));
        assert!(effects.contains(&Effect::Opened { reason: format!("it answers {status}") }), "{effects:?}");
        assert!(schedule.next(Timestamp(1)).is_none());
        assert_eq!(parked(&schedule), [1, 2]);
    }
}

#[test]
fn a_receiver_that_is_gone_disables_its_endpoint() {
    let mut schedule = schedule(|_| {});
    offer(&mut schedule, 1, 7);
    let load = schedule.next(Timestamp(0)).unwrap();
    let effects = schedule.settle(load.id, answer(410), Timestamp(0));
    assert!(effects.contains(&Effect::Disabled { reason: "it answers 410".into() }), "{effects:?}");
    assert_eq!(parked(&schedule), [1]);
}

#[test]
fn nothing_but_failure_for_days_disables_too() {
    let mut schedule = schedule(|config| config.breaker.disable_after_hours = 120);
    offer(&mut schedule, 1, 7);
    let mut now = Timestamp(0);
    let disabled = loop {
        let Some(load) = schedule.next(now) else {
            now = schedule.wake().unwrap();
            continue;
        };
        let effects = schedule.settle(load.id, fault(Fault::Unreachable), now);
        let disabled = effects.into_iter().find_map(|effect| if let Effect::Disabled { reason } = effect { Some(reason) } else { None });
        if let Some(reason) = disabled {
            break reason;
        }
    };
    assert!(disabled.contains("120 hours") && disabled.contains("nobody listens"), "{disabled}");
    assert!((120 * 3600..121 * 3600).contains(&(now.0 / SECOND)), "{now}");
}

#[test]
fn failures_in_a_row_open_the_breaker_and_one_request_finds_out() {
    let mut schedule = schedule(|config| {
        (config.breaker.failures, config.breaker.pause_seconds, config.breaker.pause_max_seconds) = (3, 5, 8);
    });
    (1..=6).for_each(|sequence| offer(&mut schedule, sequence, sequence as u8));
    let loads = all(&mut schedule, Timestamp(0));
    let mut effects = Vec::new();
    loads.iter().for_each(|load| effects.extend(schedule.settle(load.id, fault(Fault::Unreachable), Timestamp(0))));
    assert_eq!(effects.iter().filter(|effect| matches!(effect, Effect::Opened { .. })).count(), 1);
    assert_eq!(schedule.wake(), Some(Timestamp(5 * SECOND)));
    let probe = all(&mut schedule, Timestamp(5 * SECOND));
    assert_eq!(probe.len(), 1);
    schedule.settle(probe[0].id, fault(Fault::Unreachable), Timestamp(5 * SECOND));
    assert_eq!(schedule.wake(), Some(Timestamp(13 * SECOND)), "the pause doubles up to its bound");
    let probe = schedule.next(Timestamp(13 * SECOND)).unwrap();
    let effects = schedule.settle(probe.id, answer(204), Timestamp(13 * SECOND));
    assert!(effects.contains(&Effect::Closed { since: Timestamp(0) }), "{effects:?}");
    assert_eq!(all(&mut schedule, Timestamp(13 * SECOND)).len(), 5, "what waited for its next attempt goes at once");
}

#[test]
fn a_call_that_always_fails_beside_others_that_do_not_leaves_the_breaker_closed() {
    let mut schedule = schedule(|config| (config.breaker.failures, config.retry.pauses_seconds) = (2, vec![0]));
    offer(&mut schedule, 1, 7);
    for sequence in 2..20 {
        offer(&mut schedule, sequence, 8);
        for load in all(&mut schedule, Timestamp(sequence * SECOND)) {
            let status = if load.events[0].0 == 1 { 500 } else { 200 };
            schedule.settle(load.id, answer(status), Timestamp(sequence * SECOND));
        }
    }
    assert!(schedule.circuit().is_closed());
    assert_eq!(parked(&schedule), [1]);
}

#[test]
fn past_its_deadline_an_event_is_dead_and_its_call_goes_on() {
    let mut schedule = schedule(|_| {});
    schedule.offer(Offer::new(event(1, 7), Timestamp(60 * SECOND)));
    offer(&mut schedule, 2, 7);
    let load = schedule.next(Timestamp(0)).unwrap();
    assert_eq!(schedule.expire(Timestamp(60 * SECOND)), [], "its answer settles what is on its way");
    schedule.settle(load.id, answer(500), Timestamp(60 * SECOND));
    let dead = schedule.expire(Timestamp(60 * SECOND));
    assert_eq!(dead, [DeadLetter { at: Timestamp(60 * SECOND), epoch: 3, sequence: 1, death: Death::Deadline, status: 500, attempts: 1 }]);
    assert_eq!(places(&all(&mut schedule, Timestamp(60 * SECOND))), [[2]]);
}

#[test]
fn an_event_behind_another_dies_where_it_waits() {
    let mut schedule = schedule(|_| {});
    offer(&mut schedule, 1, 7);
    schedule.offer(Offer::new(event(2, 7), Timestamp(60 * SECOND)));
    let load = schedule.next(Timestamp(0)).unwrap();
    assert_eq!(schedule.expire(Timestamp(60 * SECOND)).len(), 1);
    schedule.settle(load.id, answer(200), Timestamp(61 * SECOND));
    assert!(schedule.is_idle() && schedule.lanes.is_empty() && schedule.deadlines.len() == 0);
}

#[test]
fn what_was_set_aside_is_asked_for_and_supplied_when_the_endpoint_is_back() {
    let mut schedule = schedule(|config| config.breaker.failures = 1);
    offer(&mut schedule, 1, 7);
    let load = schedule.next(Timestamp(0)).unwrap();
    schedule.settle(load.id, answer(500), Timestamp(0));
    offer_all(&mut schedule, &[(2, 8), (3, 8), (4, 9)]);
    assert!(schedule.without_body(10).is_empty(), "nothing is sent to who only fails");
    let probe = schedule.next(FAR).unwrap();
    schedule.settle(probe.id, answer(200), FAR);
    assert_eq!(schedule.without_body(2), [2, 3]);
    schedule.supply(vec![event(2, 8), event(3, 8)]);
    assert_eq!(schedule.without_body(10), [4]);
    let bodies: Vec<bool> = all(&mut schedule, FAR).iter().map(|load| load.events[0].1.is_some()).collect();
    assert_eq!(bodies, [true, false]);
}

#[test]
fn what_comes_too_late_for_a_call_that_failed_meanwhile_is_left_to_the_log() {
    let mut schedule = schedule(|config| config.breaker.failures = 2);
    offer_all(&mut schedule, &[(1, 7), (2, 8)]);
    for load in all(&mut schedule, Timestamp(0)) {
        schedule.settle(load.id, answer(500), Timestamp(0));
    }
    offer_all(&mut schedule, &[(3, 9), (4, 9)]);
    let back = Timestamp(3600 * SECOND);
    let probe = schedule.next(back).unwrap();
    schedule.settle(probe.id, answer(200), back);
    let load = all(&mut schedule, back).into_iter().find(|load| load.events[0].0 == 3).unwrap();
    assert_eq!(schedule.without_body(10), [4]);
    schedule.settle(load.id, answer(500), back);
    schedule.supply(vec![event(4, 9)]);
    assert_eq!(schedule.bodies, 0);
}

#[test]
fn what_the_log_does_not_have_is_kept_though_the_endpoint_is_away() {
    let mut schedule = schedule(|config| config.breaker.failures = 1);
    schedule.offer(Offer::new(event(1, 7), FAR).only_here());
    let load = schedule.next(Timestamp(0)).unwrap();
    schedule.settle(load.id, answer(500), Timestamp(0));
    schedule.offer(Offer::new(event(2, 8), FAR).only_here());
    let probe = schedule.next(Timestamp(3600 * SECOND)).unwrap();
    assert!(probe.events[0].1.is_some());
    schedule.settle(probe.id, answer(200), Timestamp(3600 * SECOND));
    assert!(all(&mut schedule, Timestamp(3600 * SECOND)).iter().all(|load| load.events[0].1.is_some()));
}

#[test]
fn an_endpoint_is_given_up_once() {
    let mut schedule = schedule(|_| {});
    offer_all(&mut schedule, &[(1, 7), (2, 8)]);
    let disabled: usize = all(&mut schedule, Timestamp(0))
        .into_iter()
        .flat_map(|load| schedule.settle(load.id, answer(410), Timestamp(0)))
        .filter(|effect| matches!(effect, Effect::Disabled { .. }))
        .count();
    assert_eq!(disabled, 1);
}

#[test]
fn a_receiver_that_asks_for_no_pause_gets_the_usual_one() {
    for status in [503, 500] {
        let mut schedule = schedule(|_| {});
        offer(&mut schedule, 1, 7);
        let load = schedule.next(Timestamp(0)).unwrap();
        let result = Ok(Answer { status, retry_after: Some(Duration::ZERO) });
        schedule.settle(load.id, Settled { result, ..answer(status) }, Timestamp(0));
        assert!(schedule.next(Timestamp(3 * SECOND)).is_none());
        assert_eq!(schedule.circuit().failures(), 1);
    }
}

#[test]
fn what_waits_behind_a_failure_is_not_asked_for() {
    let mut schedule = schedule(|_| {});
    offer_all(&mut schedule, &[(1, 7), (2, 7)]);
    let load = schedule.next(Timestamp(0)).unwrap();
    schedule.settle(load.id, answer(500), Timestamp(0));
    assert!(schedule.without_body(10).is_empty());
}

#[test]
fn a_deadline_of_an_event_that_was_done_does_not_count_when_it_is_offered_again() {
    let mut schedule = schedule(|_| {});
    offer(&mut schedule, 2, 8);
    schedule.offer(Offer::new(event(1, 7), Timestamp(60 * SECOND)));
    let load = schedule.next(Timestamp(0)).unwrap();
    assert_eq!(places(std::slice::from_ref(&load)), [[1]]);
    schedule.settle(load.id, answer(200), Timestamp(0));
    schedule.offer(Offer::new(event(1, 7), Timestamp(90 * SECOND)));
    assert_eq!(schedule.expire(Timestamp(60 * SECOND)), []);
    assert_eq!(schedule.expire(Timestamp(90 * SECOND)).iter().map(|letter| letter.sequence).collect::<Vec<_>>(), [1]);
}

fn batches() -> Schedule {
    schedule(|config| {
        config.body.mode = Mode::Batch;
        (config.delivery.batch_events, config.retry.pauses_seconds) = (3, vec![5]);
    })
}

#[test]
fn a_batch_takes_several_calls_and_events_that_follow_each_other_in_one() {
    let mut schedule = batches();
    offer_all(&mut schedule, &[(1, 7), (2, 8), (3, 7), (4, 7)]);
    let loads = all(&mut schedule, Timestamp(0));
    assert_eq!(places(&loads), [vec![1, 3, 4], vec![2]]);
}

#[test]
fn a_batch_is_tried_again_as_it_was() {
    let mut schedule = batches();
    offer_all(&mut schedule, &[(1, 7), (2, 8)]);
    let load = schedule.next(Timestamp(0)).unwrap();
    schedule.settle(load.id, answer(500), Timestamp(0));
    offer(&mut schedule, 3, 7);
    offer(&mut schedule, 4, 9);
    let loads = all(&mut schedule, Timestamp(5 * SECOND));
    assert_eq!(places(&loads), [vec![1, 2], vec![4]]);
}

#[test]
fn of_a_refused_batch_each_goes_alone_until_the_refused_one_is_found() {
    let mut schedule = batches();
    offer_all(&mut schedule, &[(1, 7), (2, 7), (3, 8)]);
    let load = schedule.next(Timestamp(0)).unwrap();
    assert_eq!(load.events.len(), 3);
    schedule.settle(load.id, answer(422), Timestamp(0));
    let mut dead = Vec::new();
    let mut seen = Vec::new();
    while let Some(load) = schedule.next(Timestamp(0)) {
        assert_eq!(load.events.len(), 1);
        seen.push(load.events[0].0);
        let status = if load.events[0].0 == 1 { 422 } else { 200 };
        dead.extend(schedule.settle(load.id, answer(status), Timestamp(0)).into_iter().filter(|e| matches!(e, Effect::Dead(_))));
    }
    assert_eq!((seen, dead.len()), (vec![1, 2, 3], 1));
    assert!(schedule.is_idle());
}

#[test]
fn what_waits_for_an_endpoint_that_is_away_has_no_body_here() {
    let mut schedule = schedule(|config| config.breaker.failures = 1);
    (1..=20).for_each(|sequence| offer(&mut schedule, sequence, sequence as u8));
    let load = schedule.next(Timestamp(0)).unwrap();
    schedule.settle(load.id, fault(Fault::Unreachable), Timestamp(0));
    assert_eq!(schedule.bodies, 0);
    offer(&mut schedule, 21, 21);
    assert_eq!((schedule.bodies, schedule.room()), (0, PARKED - 21));
}

#[test]
fn a_body_that_cannot_be_made_is_dead_and_says_nothing_of_the_endpoint() {
    let mut schedule = schedule(|config| config.breaker.failures = 1);
    offer(&mut schedule, 1, 7);
    let load = schedule.next(Timestamp(0)).unwrap();
    let effects = schedule.settle(load.id, fault(Fault::Template), Timestamp(0));
    assert!(matches!(effects.last(), Some(Effect::Dead(DeadLetter { death: Death::Template, .. }))), "{effects:?}");
    assert!(schedule.circuit().is_closed());
}

/// One step of whatever may happen.
#[derive(Clone, Debug)]
enum Happens {
    Offer(u8),
    Answer(u16, usize),
    Break(usize),
    Later(u64),
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        4 => (0..4_u8).prop_map(Happens::Offer),
        4 => (prop_oneof![6 => Just(200_u16), 1 => Just(500), 1 => Just(400), 1 => Just(429), 1 => Just(401)], any::<usize>()).prop_map(|(s, w)| Happens::Answer(s, w)),
        1 => any::<usize>().prop_map(Happens::Break),
        2 => (1..90_u64).prop_map(Happens::Later),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_calls_keep_their_order_and_each_event_is_taken_once_or_known_as_dead(
        steps in prop::collection::vec(happens(), 1..200),
        batch in any::<bool>(),
    ) {
        let mut schedule = schedule(|config| {
            config.retry.pauses_seconds = vec![5, 30];
            config.breaker.failures = 3;
            config.delivery.in_flight = 3;
            config.delivery.batch_events = 3;
            config.body.mode = if batch { Mode::Batch } else { Mode::Structured };
        });
        let (mut now, mut offered, mut on_their_way) = (Timestamp(0), 0, Vec::<Load>::new());
        let mut ended = BTreeMap::<Sequence, Outcome>::new();
        let mut order = BTreeMap::<u8, Vec<Sequence>>::new();
        let (mut calls, mut asked_for) = (BTreeMap::<Sequence, u8>::new(), Vec::new());
        let note = |effects: Vec<Effect>, ended: &mut BTreeMap<Sequence, Outcome>| {
            for effect in effects {
                let (sequence, outcome) = match effect {
                    Effect::Attempt(attempt) if attempt.outcome == Outcome::Delivered => (attempt.sequence, Outcome::Delivered),
                    Effect::Dead(letter) => (letter.sequence, Outcome::Dead),
                    _ => continue,
                };
                assert!(ended.insert(sequence, outcome).is_none(), "{sequence} ends twice");
            }
        };
        // In the end all is well again.
        let end = std::iter::repeat_n([Happens::Later(90), Happens::Answer(200, 0), Happens::Answer(200, 0)], 20).flatten();
        for step in steps.into_iter().chain(end) {
            note(schedule.expire(now).into_iter().map(Effect::Dead).collect(), &mut ended);
            for load in all(&mut schedule, now) {
                let alone = on_their_way.iter().flat_map(|other| &other.events).all(|(other, _)| {
                    load.events.iter().all(|(sequence, _)| calls[sequence] != calls[other])
                });
                prop_assert!(alone, "two requests of one call at a time");
                on_their_way.push(load);
            }
            match step {
                Happens::Offer(call) => {
                    offered += 1;
                    calls.insert(offered, call);
                    schedule.offer(Offer::new(event(offered, call), Timestamp(now.0 + 60 * SECOND)));
                    schedule.looked_at(Cursor { sequence: offered, ..start() }, None);
                }
                Happens::Answer(status, which) if !on_their_way.is_empty() => {
                    let load = on_their_way.swap_remove(which % on_their_way.len());
                    if status == 200 {
                        load.events.iter().for_each(|(sequence, _)| order.entry(calls[sequence]).or_default().push(*sequence));
                    }
                    note(schedule.settle(load.id, answer(status), now), &mut ended);
                }
                Happens::Break(which) if !on_their_way.is_empty() => {
                    let load = on_their_way.swap_remove(which % on_their_way.len());
                    note(schedule.settle(load.id, fault(Fault::Broken), now), &mut ended);
                }
                Happens::Later(seconds) => now.0 += seconds * SECOND,
                Happens::Answer(..) | Happens::Break(_) => {}
            }
            // What was asked for comes a step later.
            let wanted = std::mem::replace(&mut asked_for, schedule.without_body(2));
            schedule.supply(wanted.into_iter().map(|sequence| event(sequence, calls[&sequence])).collect());
            prop_assert!(schedule.items.values().all(|item| item.body.is_none() || !is_stuck(&schedule.lanes[&item.lane], &schedule.loads)));
            let not_done: Vec<Sequence> = (1..=offered).filter(|sequence| !ended.contains_key(sequence)).collect();
            prop_assert_eq!(parked(&schedule), not_done);
        }
        prop_assert!(schedule.is_idle() && schedule.lanes.is_empty() && schedule.loads.is_empty() && schedule.due.is_empty());
        prop_assert_eq!((schedule.bodies, schedule.in_flight(), schedule.deadlines.len()), (0, 0, 0));
        prop_assert!(order.values().all(|taken| taken.is_sorted()), "{order:?}");
    }
}
