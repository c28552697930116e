//! How calls came out.

use serde_json::Value as Json;

/// How all calls came out, without their ids and times.
pub fn outcome(events: &[Json]) -> Vec<String> {
    let number = |party: &Json| match &party["number"] {
        Json::String(number) => number.clone(),
        _ => party["presentation"].as_str().unwrap_or("-").to_owned(),
    };
    let line = |line: &Json| line["device"]["name"].as_str().unwrap_or("-").to_owned();
    let lines = |list: &Json| {
        let mut names: Vec<String> = list.as_array().unwrap().iter().map(line).collect();
        names.sort();
        names.join(" ")
    };
    let one = |event: &Json| {
        let (kind, data) = (event["type"].as_str()?.strip_prefix("callcast.call.")?, &event["data"]);
        let parties = ["first_calling", "first_called"].map(|which| number(&data[which])).join(" -> ");
        match kind {
            "ended" => Some(format!(
                "{parties} ended {} {} -> {}, answered by {}, missed by [{}]",
                data["outcome"],
                number(&data["calling"]),
                number(&data["called"]),
                line(&data["answered_by"]),
                lines(&data["missed_by"]),
            )),
            "merged" => Some(format!("{parties} merged, answered by {}", line(&data["answered_by"]))),
            _ => None,
        }
    };
    let mut outcome: Vec<String> = events.iter().filter_map(one).collect();
    outcome.sort();
    outcome
}
