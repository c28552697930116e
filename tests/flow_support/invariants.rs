//! What holds of the events whatever the cluster does.

use std::collections::HashMap;

use serde_json::Value as Json;

use super::times::micros;

/// What the events of one call said so far.
#[derive(Default)]
struct Call {
    over: bool,
    /// The call that it was merged into.
    merged_into: Option<String>,
    /// Who called whom, as far as it was told.
    first: [Json; 2],
    /// Whether a leg of it was ever connected, held, or in use at another device of its line.
    connected: bool,
    parked: bool,
}

/// What the events of one leg said so far.
struct Leg {
    call: String,
    direction: Json,
    /// Whether it was told who is at the other end since its first event, or it talked.
    settled: bool,
    connected: bool,
    over: bool,
}

/// What the events of one pop said last.
struct Pop {
    user: String,
    call: String,
    /// The leg that it shows.
    leg: String,
    withdrawn: bool,
}

/// What does not hold.
#[derive(Default)]
pub struct Check {
    calls: HashMap<String, Call>,
    legs: HashMap<String, Leg>,
    pops: HashMap<String, Pop>,
    faults: Vec<String>,
}

/// What does not hold of these events, which are all from the beginning to the end.
pub fn faults(events: &[Json]) -> Vec<String> {
    let mut check = Check::default();
    events.iter().for_each(|event| check.take(event));
    check.end();
    check.faults
}

impl Check {
    fn take(&mut self, event: &Json) {
        let kind = event["type"].as_str().unwrap().trim_start_matches("callcast.").to_owned();
        let data = &event["data"];
        match kind.split_once('.').unwrap() {
            ("call", kind) => self.call(kind, data),
            ("leg", kind) => self.leg(kind, data),
            ("pop", kind) => self.pop(kind, data),
            _ => {}
        }
    }

    fn fault(&mut self, what: &str, data: &Json) {
        self.faults.push(format!("{what}: {data}"));
    }

    fn call(&mut self, kind: &str, data: &Json) {
        let id = data["call_id"].as_str().unwrap().to_owned();
        let known = self.calls.contains_key(&id);
        if known == (kind == "started") {
            self.fault("a call begins once, and with its first event", data);
        }
        let call = self.calls.entry(id).or_default();
        let was_over = call.over;
        call.over |= matches!(kind, "ended" | "merged");
        call.merged_into = data["merged_into"].as_str().map(str::to_owned);
        let first = ["first_calling", "first_called"].map(|which| data[which].clone());
        let changed = call.first.iter().zip(&first).any(|(before, now)| !before.is_null() && before != now);
        call.first = first;
        call.parked |= kind == "parked";
        let (connected, parked) = (call.connected, call.parked);
        if was_over {
            self.fault("nothing is told of a call after its end", data);
        }
        if kind == "answered" && !connected {
            self.fault("a call is answered that has no connected leg", data);
        }
        if let Some(by) = data["answered_by"].as_object().filter(|_| kind == "answered") {
            let by = Json::Object(by.clone());
            if !self.legs.iter().any(|(key, leg)| leg.connected && key.starts_with(&line(&by))) {
                self.fault("a line answered on which no leg is connected", data);
            }
        }
        if kind == "ended" {
            self.summary(data, parked);
        }
        if changed {
            self.fault("who called whom at the beginning is told in another way than before", data);
        }
    }

    fn summary(&mut self, data: &Json, parked: bool) {
        if !adds_up(data) {
            self.fault("the times of a call are more than its duration", data);
        }
        let legs = data["legs"].as_array().cloned().unwrap_or_default();
        let mut sum = [0, 0, 0];
        for leg in &legs {
            if !adds_up(leg) {
                self.fault("the times of a leg are more than its duration", leg);
            }
            let times = times(leg);
            (0..3).for_each(|at| sum[at] += times[at]);
            if leg["answered"] == true && times[1] + times[2] == 0 && micros(&leg["ended"]) > micros(&leg["started"]) + 1_000_000 {
                self.fault("a leg was answered, and neither talked nor was held", leg);
            }
        }
        let [ring, talk, hold] = times(data);
        // A call is held, rather than talking, while one of its legs is; parked it is held without any.
        if !parked && (ring > sum[0] + 10 || talk > sum[1] + 10 || hold > sum[2] + 10) {
            self.fault("a call rang, talked or was held for longer than its legs together", data);
        }
        let mut keys: Vec<String> = legs.iter().map(|leg| format!("{}{}", line(leg), leg["leg_id"])).collect();
        keys.sort();
        keys.dedup();
        if keys.len() != legs.len() {
            self.fault("a leg stands twice in the summary", data);
        }
        let (missed, outcome) = (data["missed"] == true, data["outcome"].as_str().unwrap_or_default());
        // A line from which a call was forwarded has missed it, although somebody else may have answered later.
        if data["missed_by"].as_array().is_some_and(|missed| missed.contains(&data["answered_by"])) {
            self.fault("a line answered and missed a call", data);
        }
        if (outcome == "answered") == data["answered"].is_null() && data["recovered"] != true {
            self.fault("the outcome does not say whether it was answered", data);
        }
        if missed && data["purpose"] != "conversation" {
            self.fault("something was missed that is no conversation", data);
        }
    }

    fn leg(&mut self, kind: &str, data: &Json) {
        let key = format!("{}{}", line(data), data["leg_id"]);
        let call = data["call_id"].as_str().unwrap();
        match self.calls.get_mut(call) {
            None => self.fault("a leg of a call that never began", data),
            Some(call) if call.over => self.fault("a leg of a call that is over", data),
            Some(call) => call.connected |= matches!(kind, "connected" | "held" | "resumed" | "remote_in_use"),
        }
        if data["remote"]["number"].is_string() && data["remote"]["number"] == data["line"]["dn"] {
            self.fault("the remote party is the own line", data);
        }
        let first = self.legs.get(&key).is_none_or(|leg| leg.over);
        if first != data["previous_state"].is_null() {
            self.fault("only the first event of a leg has no state before it", data);
        }
        if first {
            let (call, direction) = (call.to_owned(), data["direction"].clone());
            let leg = Leg { call, direction, settled: false, connected: false, over: false };
            self.legs.insert(key.clone(), leg);
        }
        let leg = self.legs.get_mut(&key).unwrap();
        let former = std::mem::replace(&mut leg.call, call.to_owned());
        let turned = leg.direction != data["direction"];
        let settled = leg.settled;
        leg.direction = data["direction"].clone();
        leg.settled |= turned || !data["remote"].is_null() && !first || kind == "connected";
        leg.connected |= matches!(kind, "connected" | "held" | "resumed");
        leg.over = kind == "disconnected";
        if turned && (settled || data["direction"] != "inbound") {
            self.fault("the direction of a leg changed", data);
        }
        if !self.is_merged_into(&former, call) {
            self.fault("a leg changed its call without a merge", data);
        }
    }

    fn is_over(&self, leg: &str) -> bool {
        self.legs.get(leg).is_none_or(|leg| leg.over)
    }

    fn is_merged_into(&self, loser: &str, survivor: &str) -> bool {
        let mut at = loser;
        while at != survivor {
            let Some(next) = self.calls.get(at).and_then(|call| call.merged_into.as_deref()) else { return false };
            at = next;
        }
        true
    }

    fn pop(&mut self, kind: &str, data: &Json) {
        let (id, call) = (data["pop_id"].as_str().unwrap().to_owned(), data["call_id"].as_str().unwrap().to_owned());
        let user = data["user"]["id"].as_str().unwrap_or_else(|| data["device"]["name"].as_str().unwrap()).to_owned();
        let leg = format!("{}{}", line(data), data["leg_id"]);
        let known = self.pops.get(&id).map(|pop| (pop.withdrawn, self.is_over(&pop.leg)));
        // A pop that was answered ends silently with its leg; the same user may be offered the same call again.
        let allowed = match kind {
            "offered" => known.is_none_or(|(withdrawn, over)| withdrawn || over),
            _ => known.is_some_and(|(withdrawn, _)| !withdrawn),
        };
        if !allowed {
            self.fault("a pop is offered once, and moved or withdrawn while it is up", data);
        }
        let up = |pop: &Pop| !pop.withdrawn && !self.is_over(&pop.leg) && pop.user == user && pop.call == call;
        if kind != "withdrawn" && self.pops.iter().any(|(other, pop)| *other != id && up(pop)) {
            self.fault("a user has two pops of one call", data);
        }
        self.pops.insert(id, Pop { user, call: call.clone(), leg, withdrawn: kind == "withdrawn" });
        if self.calls.get(&call).is_none_or(|call| call.over) && kind != "withdrawn" {
            self.fault("a pop of a call that is not", data);
        }
    }

    fn end(&mut self) {
        let standing: Vec<String> = self.calls.iter().filter(|(_, call)| !call.over).map(|(id, _)| id.clone()).collect();
        self.faults.extend(standing.into_iter().map(|id| format!("call {id} never ends")));
        let standing: Vec<String> = self.legs.iter().filter(|(_, leg)| !leg.over).map(|(key, _)| key.clone()).collect();
        self.faults.extend(standing.into_iter().map(|key| format!("leg {key} never ends")));
    }
}

fn line(data: &Json) -> String {
    format!("{} {} ", data["device"]["name"], data["line"])
}

/// Ring, talk and hold time in milliseconds.
fn times(data: &Json) -> [i64; 3] {
    ["ring_ms", "talk_ms", "hold_ms"].map(|name| data[name].as_i64().unwrap())
}

fn adds_up(data: &Json) -> bool {
    let lasted = micros(&data["ended"]) - micros(&data["started"]);
    times(data).iter().sum::<i64>() * 1000 <= lasted
}
