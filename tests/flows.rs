//! The flows of the catalogue, each played over the wire through the session: what a client is told is what the file expects.
//!
//! `FLOW=id cargo test --test flows` plays one of them and prints its story.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // in tests they are assertions
#![allow(missing_docs)] // a test is named for what it shows

mod flow_support;

use std::io::Write as _;
use std::sync::Arc;

use callcast::cti::SessionState;
use callcast::sim::Flow;
use callcast::sim::flow::Basis;
use flow_support::{catalogue, diff, lockstep, of_play, sockets, story};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Flows that are played over sockets at one time. Each of them mostly waits.
const AT_ONCE: usize = 24;

/// Prints although the test passes.
fn say(text: &str) {
    std::io::stderr().write_all(format!("{text}\n").as_bytes()).unwrap();
}

/// The ids of the catalogue.
fn ids() -> Vec<String> {
    let text = include_str!("flows/catalogue.txt").lines().filter(|line| !line.starts_with('#'));
    text.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

/// What is wrong with a flow, if anything.
fn check(id: &str, flow: &Flow) -> Result<(), String> {
    let outcome = lockstep::play(flow);
    let told = story::story(flow, of_play(&outcome.events));
    if catalogue::wanted().is_some() {
        say(&format!("\n{told}"));
    }
    // A locked account is left alone for a while: another try would count against it.
    if flow.locked && !matches!(&outcome.state, SessionState::Waiting { reason, .. } if reason.contains("locked")) {
        return Err(format!("{id}: the account is locked, but the session is {:?}", outcome.state));
    }
    match diff::diff(&flow.expect, &told) {
        same if same.is_empty() => Ok(()),
        differs => Err(format!("{id}: expected (-) and told (+):\n{differs}")),
    }
}

#[test]
fn every_flow_of_the_catalogue_is_told_as_it_should_be() {
    let flows = catalogue::flows();
    let mut failures = Vec::new();
    if catalogue::wanted().is_none() {
        let missing = ids().into_iter().filter(|id| !flows.iter().any(|(known, _)| known == id));
        failures.extend(missing.map(|id| format!("{id}: of the catalogue, but there is no tests/flows/{id}.flow")));
    }
    let (mut documented, mut constructed) = (0, 0);
    for (id, flow) in &flows {
        match flow {
            Ok(flow) => {
                match flow.basis {
                    Basis::Documented => documented += 1,
                    Basis::Constructed => constructed += 1,
                }
                failures.extend(check(id, flow).err());
            }
            Err(error) => failures.push(error.clone()),
        }
    }
    say(&format!("{documented} documented, {constructed} constructed"));
    assert!(!flows.is_empty(), "there is no such flow");
    assert!(failures.is_empty(), "{} of {} flows fail:\n\n{}", failures.len(), flows.len(), failures.join("\n"));
}

/// No flow of the catalogue needs it, but CTIManager may restart in any of them.
const RESTART: &str = "basis constructed
phone A 1000
messages
0.0 A NewCallEvent callLegID=9001 callID=500 state=OFFERING origin=INBOUNDINTERNAL callingParty=2000 calledParty=1000
0.1 A CallStateChangedEvent_V2 callLegID=9001 state=ACCEPTED
2.0 A CallStateChangedEvent_V2 callLegID=9001 state=CONNECTED
4.0 provider ProviderClosedEvent reason=UNEXPECTEDSHUTDOWN
6.0 A ExistingCallEvent callLegID=9001 callID=500 state=CONNECTED
6.1 A ExistingCallCompletedEvent
9.0 A CallStateChangedEvent_V2 callLegID=9001 state=DISCONNECTED cause=NORMALCALLCLEARING
9.1 A CallStateChangedEvent_V2 callLegID=9001 state=IDLE
expect
call 1: 2000 -> 1000
  0.0 started
  2.0 answered by A
  9.0 ended answered 2000 -> 1000 ring 2.0 talk 7.0 hold 0.0 normal_call_clearing
  leg A inbound ring 2.0 talk 7.0 hold 0.0
leg A 9001 inbound: 0.0 offered call 1 remote 2000 | 0.1 alerting | 2.0 connected | 9.0 disconnected normal_call_clearing
pop a: 0.0 offered call 1 2000 on A
device A: 5.0 in_service
line A: 5.0 in_service
session: 4.0 lost | 5.0 connected | 6.1 resynced
";

#[test]
fn a_flow_that_ends_the_session_goes_on_with_the_client_that_comes_back() {
    check("restart", &Flow::parse(RESTART).unwrap()).unwrap_or_else(|differs| panic!("{differs}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_flow_is_told_the_same_over_sockets() {
    let (places, mut plays) = (Arc::new(Semaphore::new(AT_ONCE)), JoinSet::new());
    for (id, flow) in catalogue::flows() {
        let (Ok(flow), places) = (flow, Arc::clone(&places)) else { continue };
        plays.spawn(async move {
            let _place = places.acquire_owned().await.unwrap();
            let outcome = lockstep::play(&flow);
            let in_lockstep = of_play(&outcome.events);
            let over_sockets = sockets::play(&flow, in_lockstep).await;
            let [expected, told] = [in_lockstep, &over_sockets].map(|events| sockets::without_times(&story::story(&flow, events)));
            (id, diff::diff(&expected, &told))
        });
    }
    let mut failures: Vec<(String, String)> = plays.join_all().await;
    failures.retain(|(_, differs)| !differs.is_empty());
    failures.sort();
    let failures: Vec<String> =
        failures.iter().map(|(id, differs)| format!("{id}: in lockstep (-) and over sockets (+):\n{differs}")).collect();
    assert!(failures.is_empty(), "{} flows fail:\n\n{}", failures.len(), failures.join("\n"));
}
