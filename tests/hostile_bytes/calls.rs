//! The call model under a script of anything: messages in any order, whole or mangled, and lines and devices that come and go.
//!
//! A script is bytes, so that a fuzzer can write one. Each step is a byte that says what happens and bytes that say to whom; a script
//! that ends early ends there. Handles are few, so that steps meet.

use std::collections::HashMap;
use std::sync::Arc;

use callcast::calls::{CallModel, Ids};
use callcast::cti::{Device, DeviceChange, DeviceKind, Line, LineChange, LineHandle, Notice, SessionId};
use callcast::ctiqbe::messages::*;
use callcast::ctiqbe::names::*;
use callcast::ctiqbe::{FRAME_LIMIT, Frame, HEADER, MAGIC, Message, Text, VERSION_12_5, encode};
use callcast::event::{Body, Event, EventType};
use callcast::time::Timestamp;

/// Lines that a script may have open, each on its own device.
const LINES: u8 = 4;
/// Handles that lines may have. One more than lines, so that some mean nothing.
const HANDLES: u8 = LINES + 1;
/// Legs and global calls by which messages name calls.
const CALLS: u8 = 4;

/// The numbers of a script.
struct Script<'s>(&'s [u8]);

impl<'s> Script<'s> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// A number below `limit`.
    fn below(&mut self, limit: u8) -> Option<u8> {
        self.byte().map(|b| b % limit)
    }

    fn take(&mut self, length: usize) -> &'s [u8] {
        let (taken, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        taken
    }
}

/// A message that brings a leg.
macro_rules! new_leg {
    ($message:ident, $script:ident) => {{
        let (at, leg, global) = (handle($script.below(HANDLES)?), $script.below(CALLS)?, $script.below(CALLS)?);
        $message {
            line_call_manager_id: at.call_manager,
            line_id: at.line,
            call_leg_id: leg.into(),
            call_id: global.into(),
            state: CallState($script.below(20)?.into()),
            origin: CallOrigin($script.below(8)?.into()),
            reason: reason($script)?,
            calling_party: number($script)?,
            called_party: number($script)?,
            last_redirecting_party: number($script)?,
            ..Default::default()
        }
    }};
}

/// A model, what it was told of, and what it told.
struct Watched {
    model: CallModel,
    now: u64,
    lines: Vec<Arc<Line>>,
    events: Vec<Event>,
    /// How often each call began and ended.
    told: HashMap<String, (u32, u32)>,
}

/// Runs a script. Whatever was in it, the model ends empty when its session is lost and the devices are removed.
pub fn run(script: &[u8]) {
    let mut watched = Watched::new((0..LINES).map(handle));
    let mut script = Script(script);
    while watched.step(&mut script).is_some() {}
    watched.end();
}

/// Shows the model messages, as they came or mangled, with lines open under these handles; then ends as a script does.
pub fn messages<'f>(lines: impl Iterator<Item = LineHandle>, messages: impl Iterator<Item = &'f [u8]>) {
    let mut watched = Watched::new(lines);
    for bytes in messages {
        if let Ok(Some(frame)) = Frame::split(bytes, FRAME_LIMIT) {
            watched.notice(&Notice::Message(frame));
        }
    }
    watched.end();
}

impl Watched {
    fn new(handles: impl Iterator<Item = LineHandle>) -> Self {
        let model = CallModel::new(Ids::seeded(1), false);
        let mut watched = Self { model, now: 0, lines: Vec::new(), events: Vec::new(), told: HashMap::new() };
        watched.connect();
        for (at, handle) in (0..).zip(handles) {
            let (name, kind) = (format!("SEP{at:012X}"), DeviceKind::Phone);
            let device = Device { name, model: "Cisco 8861".into(), kind, owner: None, login_user: None, device_pool: None };
            // Two phones for each directory number: lines are shared.
            let dn = format!("{}", 1000 + at / 2);
            let line = Arc::new(Line { device: Arc::new(device), dn, partition: String::new(), display_name: String::new() });
            watched.line(&line, LineChange::Opened(handle));
            watched.lines.push(line);
        }
        watched
    }

    fn connect(&mut self) {
        self.notice(&Notice::Connected { manager: "cucm", cluster: "test" });
    }

    fn line(&mut self, line: &Arc<Line>, change: LineChange<'_>) {
        self.notice(&Notice::Line { line, change });
    }

    fn device(&mut self, line: &Line, change: DeviceChange<'_>) {
        self.notice(&Notice::Device { device: &line.device, change });
    }

    fn notice(&mut self, notice: &Notice<'_>) {
        self.now += 1_000;
        if let Err(error) = self.model.observe(SessionId(0), Timestamp(self.now), notice, &mut self.events) {
            assert!(!error.to_string().is_empty());
        }
        self.count();
    }

    /// Time goes on while nothing comes.
    fn wait(&mut self, micros: u64) {
        self.now += micros;
        self.model.advance(Timestamp(self.now), &mut self.events);
        self.count();
    }

    fn count(&mut self) {
        for event in self.events.drain(..) {
            let Body::Call(call) = &event.body else { continue };
            let (began, ended) = self.told.entry(call.call_id.to_string()).or_default();
            assert_eq!(*ended, 0, "nothing is told of a call that is over");
            match event.kind {
                EventType::CallStarted => *began += 1,
                EventType::CallEnded | EventType::CallMerged => *ended += 1,
                _ => {}
            }
            assert_eq!(*began, 1, "a call is told of after it began, and begins once");
        }
    }

    fn send<'a>(&mut self, message: &impl Message<'a>) {
        let mut bytes = Vec::new();
        encode(message, VERSION_12_5, &mut bytes);
        self.raw(&bytes);
    }

    fn raw(&mut self, bytes: &[u8]) {
        let frame = Frame::split(bytes, FRAME_LIMIT).expect("the header is right").expect("the frame is whole");
        self.notice(&Notice::Message(frame));
    }

    /// One step of a script; `None` at its end.
    fn step(&mut self, script: &mut Script<'_>) -> Option<()> {
        match script.below(24)? {
            0..=2 => self.send(&new_leg!(NewCallEvent, script)),
            3 | 4 => self.send(&new_leg!(ExistingCallEvent, script)),
            5..=8 => self.state(script)?,
            9 | 10 => self.new_global_call(script)?,
            11 => {
                let at = handle(script.below(HANDLES)?);
                self.send(&ExistingCallCompletedEvent { line_call_manager_id: at.call_manager, line_id: at.line });
            }
            12 => self.mangled(script)?,
            13 => self.change_of_line(script)?,
            14 => self.change_of_device(script)?,
            15 => self.change_of_session(script)?,
            16..=18 => self.parties(script)?,
            19 => self.announcement(script)?,
            20 => self.conference(script)?,
            21 => self.park(script)?,
            22 => self.wait(u64::from(script.byte()?) * 100_000),
            _ => self.asked(script)?,
        }
        Some(())
    }

    fn parties(&mut self, script: &mut Script<'_>) -> Option<()> {
        let (at, leg) = (handle(script.below(HANDLES)?), script.below(CALLS)?);
        self.send(&CallPartyInfoChangedEvent {
            line_call_manager_id: at.call_manager,
            line_id: at.line,
            call_leg_id: leg.into(),
            reason: reason(script)?,
            calling_party: number(script)?,
            called_party: number(script)?,
            last_redirecting_party: number(script)?,
            cdpn_pattern_usage: CtiPatternUsage(script.below(5)?.into()),
            cdpn_hunt_member_dn: number(script)?,
            ..Default::default()
        });
        Some(())
    }

    /// Two calls shall be joined, or were.
    fn announcement(&mut self, script: &mut Script<'_>) -> Option<()> {
        let (at, transaction) = (handle(script.below(HANDLES)?), i32::from(script.below(CALLS)?));
        let (surviving, other) = (script.below(CALLS)?.into(), script.below(CALLS)?.into());
        let (line_call_manager_id, line_id, transaction_id) = (at.call_manager, at.line, transaction);
        match script.below(3)? {
            0 => self.send(&LineTransferStartedEvent {
                line_call_manager_id,
                line_id,
                transaction_id,
                surviving_gccid: surviving,
                other_gccid: other,
                controller_number: number(script)?,
                ..Default::default()
            }),
            1 => self.send(&LineCBargeStartedEvent {
                line_call_manager_id,
                line_id,
                transaction_id,
                surviving_gccid: surviving,
                other_gccid: other,
                ..Default::default()
            }),
            _ => {
                let success = script.byte()? & 1 == 1;
                self.send(&LineTransferEndedEvent { line_call_manager_id, line_id, transaction_id, success, ..Default::default() });
            }
        }
        Some(())
    }

    fn conference(&mut self, script: &mut Script<'_>) -> Option<()> {
        let (at, leg) = (handle(script.below(HANDLES)?), script.below(CALLS)?);
        let changed_participant_info =
            ParticipantInfo { participant_number: number(script)?, call_leg_id: script.below(CALLS)?.into(), ..Default::default() };
        self.send(&CallConferenceStateChangedEvent {
            line_call_manager_id: at.call_manager,
            line_id: at.line,
            call_leg_id: leg.into(),
            modify_status: CallConferenceModifyStatus(script.below(4)?.into()),
            changed_participant_info,
            ..Default::default()
        });
        Some(())
    }

    fn park(&mut self, script: &mut Script<'_>) -> Option<()> {
        let (at, global) = (handle(script.below(HANDLES)?), script.below(CALLS)?);
        self.send(&LineParkStatusEvent {
            line_call_manager_id: at.call_manager,
            line_id: at.line,
            call_id: global.into(),
            park_state: ParkStatus(script.below(8)?.into()),
            park_dn: number(script)?,
            ..Default::default()
        });
        Some(())
    }

    /// A device answers what it does.
    fn asked(&mut self, script: &mut Script<'_>) -> Option<()> {
        self.model.doubts(Timestamp(self.now));
        let line = self.any_line(script)?;
        self.device(&line, DeviceChange::State { state: DeviceState(script.below(6)?.into()), asked: true });
        Some(())
    }

    fn state(&mut self, script: &mut Script<'_>) -> Option<()> {
        let (at, leg) = (handle(script.below(HANDLES)?), script.below(CALLS)?);
        let (state, remote, reason) = (script.below(20)?, script.byte()?, reason(script)?);
        self.send(&CallStateChangedEvent_V2 {
            line_call_manager_id: at.call_manager,
            line_id: at.line,
            call_leg_id: leg.into(),
            state: CallState(state.into()),
            reason,
            cause: if remote & 2 == 2 { CallStateCause::CALLSPLIT } else { CallStateCause::NOERROR },
            b_remote_in_use: remote & 1 == 1,
            ..Default::default()
        });
        Some(())
    }

    fn new_global_call(&mut self, script: &mut Script<'_>) -> Option<()> {
        let (at, leg, global) = (handle(script.below(HANDLES)?), script.below(CALLS)?, script.below(CALLS)?);
        self.send(&GlobalCallHandleChangedEvent {
            line_call_manager_id: at.call_manager,
            line_id: at.line,
            call_leg_id: leg.into(),
            new_global_call_id: global.into(),
            reason: reason(script)?,
            ..Default::default()
        });
        Some(())
    }

    /// A message of the calls whose fields are anything: the script's next bytes.
    fn mangled(&mut self, script: &mut Script<'_>) -> Option<()> {
        const IDS: [u32; 6] = [
            NewCallEvent::ID,
            ExistingCallEvent::ID,
            CallStateChangedEvent_V2::ID,
            CallPartyInfoChangedEvent::ID,
            GlobalCallHandleChangedEvent::ID,
            ExistingCallCompletedEvent::ID,
        ];
        let id = IDS.get(usize::from(script.below(IDS.len() as u8)?))?;
        let (fixed, variable) = (usize::from(script.byte()?) * 4, script.byte()?.into());
        let (fixed, variable) = (script.take(fixed), script.take(variable));
        let (fixed_length, variable_length) = (fixed.len() as u32, variable.len() as u32);
        let length = HEADER as u32 - 8 + fixed_length + variable_length;
        let header = [length, 0, MAGIC, VERSION_12_5, *id, HEADER as u32, fixed_length, variable_length];
        let mut bytes: Vec<u8> = header.into_iter().flat_map(u32::to_le_bytes).collect();
        bytes.extend_from_slice(fixed);
        bytes.extend_from_slice(variable);
        self.raw(&bytes);
        Some(())
    }

    fn change_of_line(&mut self, script: &mut Script<'_>) -> Option<()> {
        let line = self.any_line(script)?;
        let change = match script.below(5)? {
            0 => LineChange::Opened(handle(script.below(HANDLES)?)),
            1 => LineChange::InService,
            2 => LineChange::OutOfService(LineOutOfServiceReason(0)),
            3 => LineChange::Refused { result: CtiFailure(1), cure: "" },
            _ => LineChange::Closed,
        };
        self.line(&line, change);
        Some(())
    }

    fn change_of_device(&mut self, script: &mut Script<'_>) -> Option<()> {
        let line = self.any_line(script)?;
        let change = match script.below(8)? {
            0 => DeviceChange::Registered,
            1 => DeviceChange::Unregistered(DeviceUnregisteredReason(0)),
            2 => DeviceChange::InService,
            3 => DeviceChange::OutOfService(DeviceOutOfServiceReason(0)),
            4 => DeviceChange::Refused { result: CtiFailure(1), cure: "" },
            5 => DeviceChange::Removed,
            6 => DeviceChange::State { state: DeviceState(1), asked: false },
            _ => DeviceChange::UserLoggedIn,
        };
        self.device(&line, change);
        Some(())
    }

    fn change_of_session(&mut self, script: &mut Script<'_>) -> Option<()> {
        match script.below(3)? {
            0 => self.notice(&Notice::Lost { manager: "cucm", reason: "it went away" }),
            1 => self.connect(),
            _ => self.notice(&Notice::Resynced { in_service: 0, refused: 0 }),
        }
        Some(())
    }

    fn any_line(&self, script: &mut Script<'_>) -> Option<Arc<Line>> {
        self.lines.get(usize::from(script.below(LINES)?)).cloned()
    }

    /// The session is lost and its devices are removed: nothing may be left.
    fn end(mut self) {
        self.notice(&Notice::Lost { manager: "cucm", reason: "the end" });
        for line in self.lines.clone() {
            self.device(&line, DeviceChange::Removed);
        }
        // A parked call is kept longest.
        self.wait(25 * 3_600_000_000);
        assert_eq!((self.model.legs(), self.model.calls()), (0, 0), "legs and calls that are left");
        for (call, (began, ended)) in self.told {
            assert_eq!((began, ended), (1, 1), "call {call} began and ended");
        }
    }
}

/// Mostly no feature, else any.
fn reason(script: &mut Script<'_>) -> Option<CallReason> {
    let at = script.byte()?;
    Some(if at < 96 { CallReason::DIRECTCALL } else { CallReason(i32::from(at % 52)) })
}

/// A number, of few: own ones of the lines, park numbers, bridges, and none.
fn number<'s>(script: &mut Script<'_>) -> Option<Text<'s>> {
    const NUMBERS: [&[u8]; 8] = [b"", b"1000", b"1001", b"1002", b"1003", b"5555", b"b0012", b"+33199000001"];
    NUMBERS.get(usize::from(script.below(8)?)).map(|number| Text::new(number))
}

fn handle(at: u8) -> LineHandle {
    LineHandle { call_manager: 1, line: at.into() }
}
