//! Events for the tests of plans.

use crate::gateway::keys;
use crate::journal::{Entry, Keys, Space};
use crate::time::Timestamp;

const ID: &str = "01a20779-4e24-7646-9af3-03bb583db0e1";
const WHERE: &str =
    r#""device":{"name":"SEP000000000001","model":"Cisco 8861","kind":"phone"},"user":{"id":"ann"},"line":{"dn":"2000","partition":""}"#;
const KEYS: &[(Space, &str)] =
    &[(keys::CALL, "0123456789abcdef"), (keys::DEVICE, "SEP000000000001"), (keys::LINE, "2000"), (keys::USER, "ann")];

/// An event of a type, with its `data` as JSON.
pub fn entry(kind: &str, data: &str, of: &[(Space, &str)]) -> Entry {
    let mut found_by = Keys::default();
    of.iter().for_each(|(space, text)| found_by.push(*space, text));
    let head = r#"{"specversion":"1.0","id":"17-42","source":"/cucm/Zürich","type":""#;
    let tail = r#"","subject":"SEP000000000001/2000","time":"2026-11-23T08:15:30.123456Z","sequence":"00000000000000000042","#;
    let rest = format!(r#""partitionkey":"{ID}","datacontenttype":"application/json","dataschema":"urn:callcast:schema:leg:1","data":"#);
    Entry {
        epoch: 17,
        sequence: 42,
        time: Timestamp(1_795_421_730_123_456),
        keys: found_by,
        event: format!("{head}{kind}{tail}{rest}{data}}}").into_bytes().into(),
    }
}

/// A ringing leg of line 2000.
pub fn leg(direction: &str, remote: &str) -> Entry {
    let data = format!(
        r#"{{"call_id":"{ID}",{WHERE},"direction":"{direction}","cause":null,"calling":{{"number":"{remote}"}},"remote":{{"number":"{remote}"}}}}"#
    );
    entry("callcast.leg.alerting", &data, KEYS)
}

/// A pop of line 2000.
pub fn pop(calling: &str) -> Entry {
    entry("callcast.pop.offered", &format!(r#"{{"call_id":"{ID}",{WHERE},"calling":{{"number":"{calling}"}}}}"#), KEYS)
}

/// A call of line 2000.
pub fn call(calling: &str) -> Entry {
    let data = format!(r#"{{"call_id":"{ID}","first_calling":{{"number":"{calling}"}},"calling":null,"lines":[{{{WHERE}}}]}}"#);
    entry("callcast.call.ended", &data, KEYS)
}

/// What happened to a line itself.
pub fn of_line() -> Entry {
    entry("callcast.line.in_service", &format!("{{{WHERE}}}"), KEYS)
}
