//! What the gateway does although no message came: calls that are over by a deadline, legs that the cluster may have forgotten, and notes
//! for the next run of which calls are up.
//!
//! A leg is never closed by its age. When the call model doubts one, its device is asked for its state, and the answer decides.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::cti::{Command, SessionId};
use crate::gateway::Gateway;
use crate::time::Timestamp;

/// How often deadlines are looked at: the most by which an event that has one is late.
const ADVANCE: Duration = Duration::from_millis(250);
/// How often devices are asked, counted in looks at the deadlines: every 5 s.
const LOOKS_PER_QUESTION: u32 = 20;

/// How often it is written down which calls are up, counted in looks at the deadlines: every 10 s.
const LOOKS_PER_CHECKPOINT: u32 = 40;

/// Runs until `stop`. `sessions` are told in the order of their [`SessionId`]s, and never waited for.
pub async fn run(gateway: Arc<Gateway>, sessions: Vec<mpsc::Sender<Command>>, stop: CancellationToken) {
    let mut looks = interval(ADVANCE);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut until_question, mut until_checkpoint) = (LOOKS_PER_QUESTION, LOOKS_PER_CHECKPOINT);
    loop {
        tokio::select! {
            _ = looks.tick() => {}
            () = stop.cancelled() => return,
        }
        let now = Timestamp::now();
        gateway.advance(now);
        until_question -= 1;
        if until_question == 0 {
            until_question = LOOKS_PER_QUESTION;
            ask(gateway.doubts(now), &sessions);
        }
        until_checkpoint -= 1;
        if until_checkpoint == 0 {
            until_checkpoint = LOOKS_PER_CHECKPOINT;
            let gateway = Arc::clone(&gateway);
            // A disk that refuses is told of where events are written; without a checkpoint a restart has more to read, nothing else.
            drop(tokio::task::spawn_blocking(move || gateway.write_checkpoint()));
        }
    }
}

/// Hands each session its devices. One that has not yet obeyed what it was told before is not asked: its turn comes again, and the room
/// in its channel is for a reload, which does not.
fn ask(doubts: Vec<(SessionId, Arc<str>)>, sessions: &[mpsc::Sender<Command>]) {
    let mut by_session: BTreeMap<SessionId, Vec<Arc<str>>> = BTreeMap::new();
    for (session, device) in doubts {
        by_session.entry(session).or_default().push(device);
    }
    for (session, devices) in by_session {
        let Some(commands) = sessions.get(usize::from(session.0)) else { continue };
        if commands.capacity() == commands.max_capacity() {
            let _ = commands.try_send(Command::AskStates(devices));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doubts(sessions: &[u16]) -> Vec<(SessionId, Arc<str>)> {
        sessions.iter().zip(1..).map(|(session, number)| (SessionId(*session), format!("SEP{number}").into())).collect()
    }

    #[test]
    fn each_session_is_asked_for_its_own_devices() {
        let (senders, mut receivers): (Vec<_>, Vec<_>) = (0..2).map(|_| mpsc::channel(2)).unzip();
        ask(doubts(&[0, 1, 0, 9]), &senders);
        assert_eq!(receivers[0].try_recv(), Ok(Command::AskStates(vec!["SEP1".into(), "SEP3".into()])));
        assert_eq!(receivers[1].try_recv(), Ok(Command::AskStates(vec!["SEP2".into()])));
    }

    #[test]
    fn questions_leave_room_for_a_reload() {
        let (sender, mut receiver) = mpsc::channel(2);
        let sessions = [sender];
        ask(doubts(&[0]), &sessions);
        ask(doubts(&[0]), &sessions);
        sessions[0].try_send(Command::Reload).unwrap();
        assert!(matches!(receiver.try_recv(), Ok(Command::AskStates(_))));
        assert_eq!(receiver.try_recv(), Ok(Command::Reload));
    }
}
