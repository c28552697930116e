//! By what an event is found again in the log: the users, devices, lines and the call that it concerned when it was written.
//!
//! The users among them are the event's stamp: who may read it later is judged by them, not by whose the device is by then.

use crate::access::Scope;
use crate::event::{Body, Event, EventType, Filter};
use crate::journal::{Keys, Space};

/// The name of a device.
pub const DEVICE: Space = 1;
/// A directory number.
pub const LINE: Space = 2;
/// The id of a user.
pub const USER: Space = 3;
/// The 16 bytes of a `call_id`.
pub const CALL: Space = 4;
/// What concerns everybody (CTI sessions, the log): the text is empty.
pub const EVERYBODY: Space = 5;
/// The same of `call.ended` alone: calls that are over, by device, by line, by user and, with an empty text, all.
pub const ENDED_DEVICE: Space = 17;
/// See [`ENDED_DEVICE`].
pub const ENDED_LINE: Space = 18;
/// See [`ENDED_DEVICE`].
pub const ENDED_USER: Space = 19;
/// See [`ENDED_DEVICE`].
pub const ENDED: Space = 20;

/// Adds the keys of an event.
pub fn push(event: &Event, keys: &mut Keys) {
    match &event.body {
        Body::Leg(body) => keys.push(CALL, body.call_id.as_bytes()),
        Body::Call(body) => keys.push(CALL, body.call_id.as_bytes()),
        Body::Pop(body) => keys.push(CALL, body.call_id.as_bytes()),
        Body::Line(_) => {}
        Body::Device(body) => {
            keys.push(DEVICE, body.device.name.as_bytes());
            body.device.user.iter().for_each(|user| keys.push(USER, user.as_bytes()));
            body.login_user.iter().for_each(|user| keys.push(USER, user));
        }
        Body::Session(_) | Body::Journal(_) => keys.push(EVERYBODY, ""),
        // Only those who may see everything read it.
        Body::Webhook(_) => {}
    }
    for line in event.lines() {
        keys.push(DEVICE, line.device.name.as_bytes());
        keys.push(LINE, &line.dn);
        line.device.user.iter().for_each(|user| keys.push(USER, user.as_bytes()));
    }
    if event.kind == EventType::CallEnded {
        for line in event.lines() {
            keys.push(ENDED_DEVICE, line.device.name.as_bytes());
            keys.push(ENDED_LINE, &line.dn);
            line.device.user.iter().for_each(|user| keys.push(ENDED_USER, user.as_bytes()));
        }
        keys.push(ENDED, "");
    }
}

/// Whether a filter asks for what has these keys. Its types are not looked at: keys do not tell them.
pub fn wants(filter: &Filter, keys: &Keys) -> bool {
    filter.all
        || keys.iter().any(|(space, text)| match space {
            EVERYBODY => true,
            DEVICE => has(&filter.devices, text),
            LINE => has(&filter.lines, text),
            USER => has(&filter.users, text),
            _ => false,
        })
}

/// Whether what has these keys may be seen: by whom and what it concerned when it was written.
pub fn allows(scope: &Scope, keys: &Keys) -> bool {
    scope.everything
        || keys.iter().any(|(space, text)| match space {
            EVERYBODY => true,
            DEVICE => has(&scope.devices, text),
            LINE => has(&scope.lines, text),
            USER => has(&scope.users, text),
            _ => false,
        })
}

fn has(texts: &[impl AsRef<str>], text: &[u8]) -> bool {
    texts.iter().any(|known| known.as_ref().as_bytes() == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(of: &[(Space, &str)]) -> Keys {
        let mut keys = Keys::default();
        of.iter().for_each(|(space, text)| keys.push(*space, text));
        keys
    }

    #[test]
    fn history_is_judged_by_the_stamp() {
        let call = keys(&[(CALL, "id"), (DEVICE, "SEP1"), (LINE, "2000"), (USER, "ann"), (ENDED_USER, "ann")]);
        assert!(allows(&Scope::of_user("ann"), &call) && !allows(&Scope::of_user("ben"), &call));
        assert!(allows(&Scope { devices: vec!["SEP1".into()], ..Scope::default() }, &call));
        assert!(allows(&Scope { lines: vec!["2000".into()], ..Scope::default() }, &call));
        assert!(allows(&Scope::everything(), &call) && !allows(&Scope::default(), &call));
    }

    #[test]
    fn a_text_of_one_kind_opens_nothing_of_another() {
        let call = keys(&[(DEVICE, "ann"), (CALL, "ann"), (ENDED_USER, "ann")]);
        assert!(!allows(&Scope::of_user("ann"), &call));
    }

    #[test]
    fn what_concerns_everybody_may_be_read_by_anybody() {
        assert!(allows(&Scope::default(), &keys(&[(EVERYBODY, "")])));
    }
}
