//! Events of calls: who hears what.

use super::*;

#[test]
fn a_line_is_in_service_after_its_response_and_gets_both_parties() {
    let mut client = Client::open(&quiet());
    client.watch(1);
    assert_eq!(client.acquire(2), 0);
    let opened = client.open_device(2, DeviceEventFilter::default());
    assert_eq!(names(&opened), ["DeviceOpenResponse", "DeviceInServiceEvent"]);
    assert_eq!(names(&client.open_line(2, calls())), ["LineOpenResponse", "LineInServiceEvent"]);
    let heard = client.command("call 1 2");
    let offered = &heard.iter().filter(|(name, _)| *name == "NewCallEvent").nth(1).unwrap().1;
    assert_eq!((&offered["callingParty"], &offered["calledParty"]), (&json!("100001"), &json!("100002")));
    assert_eq!((&offered["farEndpointType"], &offered["callingPartyDNInfo"]["partition"]), (&json!(1), &json!("Internal-PT")));
    assert_eq!((&offered["callingPartyPi"], &offered["lastRedirectingParty"]), (&json!(true), &json!("")));
}

#[test]
fn a_withheld_number_is_on_the_wire_with_its_flag() {
    let mut client = Client::open(&quiet());
    client.watch(2);
    let heard = client.command("external 2 +33123401000 \"Zoë <script>\" restricted");
    let offered = &heard[0].1;
    assert_eq!((&offered["callingParty"], &offered["callingPartyPi"]), (&json!("+33123401000"), &json!(false)));
    assert_eq!((&offered["unicodeCallingPartyName"], &offered["origin"]), (&json!("Zoë <script>"), &json!(3)));
    assert_eq!(offered["globalizedCallingParty"], "+33123401000");
}

#[test]
fn a_client_hears_only_of_what_it_opened_and_asked_for() {
    let mut client = Client::open(&quiet());
    client.watch(2);
    assert_eq!(client.acquire(3), 0);
    client.open_device(3, DeviceEventFilter { device_alerting_state: true, ..DeviceEventFilter::default() });
    client.open_line(3, LineEventFilter { b_new_call_event: true, ..LineEventFilter::default() });
    assert_eq!(names(&client.command("call 1 3")), ["NewCallEvent", "DeviceStateAlertingEvent"]);
    assert!(client.command("answer 3").is_empty());
}

#[test]
fn a_changed_filter_takes_effect() {
    let mut client = Client::open(&quiet());
    assert_eq!(client.acquire(1), 0);
    client.open_device(1, DeviceEventFilter::default());
    let line_id = client.open_line(1, LineEventFilter::default())[0].1["lineID"].as_i64().unwrap() as i32;
    let request = LineChangeEventFilterRequest { sequence_number: 3, line_call_manager_id: 1, line_id, filter: calls() };
    assert_eq!(client.ask(&request)[0].1["result"], 0);
    assert!(!client.command("call 1 2").is_empty());
}

#[test]
fn calls_that_stand_are_told_when_a_line_opens_and_completed_only_when_asked_for() {
    let mut client = Client::open(&quiet());
    client.command("call 1 2");
    client.command("answer 2");
    (1..=2).for_each(|device| {
        assert_eq!(client.acquire(device), 0);
        client.open_device(device, DeviceEventFilter::default());
    });
    let heard = client.open_line(1, calls());
    assert_eq!(names(&heard), ["LineOpenResponse", "LineInServiceEvent", "ExistingCallEvent"]);
    assert_eq!((&heard[2].1["state"], &heard[2].1["origin"], &heard[2].1["calledParty"]), (&json!(8), &json!(4), &json!("100002")));
    let heard = client.open_line(2, LineEventFilter { b_existing_call_completed: true, ..calls() });
    assert_eq!(names(&heard)[2..], ["ExistingCallEvent", "ExistingCallCompletedEvent"]);
}

#[test]
fn two_clients_have_handles_of_their_own() {
    let mut client = Client::open(&quiet());
    client.watch(1);
    client.watch(2);
    let first = client.id;
    client.id = client.simulation.connect(ManagerId(0));
    client.log_in("callcast", "callcast");
    client.watch(2);
    client.simulation.execute(&"external 2 1".parse().unwrap()).unwrap();
    let mut handles = Vec::new();
    client.simulation.take_output(|id, bytes, _| {
        let frame = Frame::split(&bytes, FRAME_LIMIT).unwrap().unwrap();
        handles.push((id == first, frame.decode::<NewCallEvent>().unwrap().line_id));
    });
    assert_eq!(handles, [(true, 104), (false, 102)]);
}

#[test]
fn a_device_can_be_asked_for_its_state() {
    let mut client = Client::open(&quiet());
    client.watch(2);
    client.command("call 1 2");
    let request = DeviceGetDeviceStateRequest { sequence_number: 3, call_manager_id: 1, device_id: 101 };
    assert_eq!(client.ask(&request)[0].1["deviceState"], 2);
}

#[test]
fn a_recorded_flow_is_played_to_a_client_that_opened_its_lines() {
    let mut client = Client::open(&Config { devices: 0, recording: Some(Recording::parse(BASIC).unwrap()), ..quiet() });
    for (device, dn) in [(1, "1000"), (2, "2000"), (3, "3000")] {
        client.acquire(device);
        client.open_device(device, DeviceEventFilter::default());
        let device_name = Text::new(PHONES[device].as_bytes());
        client.ask(&LineOpenRequest { device_name, line_name: Text::new(dn.as_bytes()), ..LineOpenRequest::default() });
    }
    let heard = client.wait(5);
    assert_eq!(heard.len(), 13);
    assert_eq!((heard[0].0, &heard[0].1["lineID"], &heard[0].1["callID"]), ("NewCallEvent", &json!(102), &json!(500)));
}

#[test]
fn the_same_seed_says_the_same_to_a_client_however_late_the_clock_is_brought() {
    let config = Config { devices: 6, calls: CallMix { per_second: 5.0, ..CallMix::default() }, ..quiet() };
    let run = |step_ms: u64| {
        let mut client = Client::open(&config);
        (1..=6).for_each(|device| client.watch(device));
        let mut heard = Vec::new();
        while client.simulation.now() < Duration::from_secs(40) {
            let now = client.simulation.now() + Duration::from_millis(step_ms);
            client.simulation.advance(now);
            let calls = client.heard().into_iter().filter(|(name, _)| *name != "Heartbeat");
            heard.extend(calls.map(|(name, fields)| format!("{name} {} {} {}", fields["lineID"], fields["callLegID"], fields["state"])));
        }
        heard
    };
    let heard = run(10);
    assert!(heard.len() > 100, "{}", heard.len());
    assert_eq!(heard, run(4000));
}
