//! Control list, acquiring, opening, check boxes, registration.

use super::*;

#[test]
fn devices_of_the_control_list_come_unasked_and_others_are_acquired() {
    let account = AccountConfig { control_list: 2, ..AccountConfig::default() };
    let mut client = Client::open(&Config { accounts: vec![account], ..quiet() });
    let answer = client.ask(&ProviderGetAllDevicesAndLinesRequest { sequence_number: 4 });
    let listed: Vec<_> = answer.iter().filter(|(name, _)| *name == "DeviceLineInfoEvent").collect();
    assert_eq!(listed.len(), 2);
    assert_eq!((&listed[1].1["deviceName"], &listed[1].1["controlModeBitMap"]), (&json!(PHONES[2]), &json!(1)));
    assert_eq!(client.acquire(3), 0);
    let single = ProviderGetSingleDeviceAndLinesRequest { sequence_number: 5, device_name: Text::new(PHONES[3].as_bytes()) };
    let answer = client.ask(&single);
    assert_eq!(answer[1].1["controlModeBitMap"], 2);
    assert_eq!(answer[1].1["lineInfo"][0]["name"], "100003");
}

#[test]
fn an_unknown_device_is_refused_as_such() {
    let mut client = Client::open(&quiet());
    let name = Text::new(b"SEPFFFFFFFFFFFF");
    let answer = client.ask(&ProviderDeviceAcquireRequest { sequence_number: 7, device_name: name });
    assert_eq!(answer[0].1["result"], code(CtiFailure::CTIERR_INVALID_DEVICE_NAME));
}

#[test]
fn without_the_super_right_a_device_outside_the_control_list_is_denied() {
    let account = AccountConfig { control_any_device: false, ..AccountConfig::default() };
    let mut client = Client::open(&Config { accounts: vec![account], ..quiet() });
    assert_eq!(client.acquire(1), code(CtiFailure::CTIERR_ACCESS_TO_DEVICE_DENIED));
    let answer = client.open_device(1, DeviceEventFilter::default());
    assert_eq!(answer[0].1["result"], code(CtiFailure::CTIERR_ACCESS_TO_DEVICE_DENIED));
}

#[test]
fn a_device_that_was_not_acquired_cannot_be_opened() {
    let mut client = Client::open(&quiet());
    let answer = client.open_device(1, DeviceEventFilter::default());
    assert_eq!(answer[0].1["result"], code(CtiFailure::CTIERR_DEVICE_NOT_ACQUIRED));
}

#[test]
fn a_de_acquired_device_is_closed_and_has_to_be_acquired_again() {
    let mut client = Client::open(&quiet());
    client.watch(1);
    let name = Text::new(PHONES[1].as_bytes());
    let answer = client.ask(&ProviderDeviceDeAcquireRequest { sequence_number: 6, device_name: name });
    assert_eq!(answer[0].1["result"], 0);
    assert!(client.command("call 1 2").is_empty());
    assert_eq!(client.open_device(1, DeviceEventFilter::default())[0].1["result"], code(CtiFailure::CTIERR_DEVICE_NOT_ACQUIRED));
}

#[test]
fn unticked_boxes_and_missing_registration_refuse_what_they_guard() {
    let mut client = Client::open(&quiet());
    (1..=3).for_each(|device| assert_eq!(client.acquire(device), 0));
    client.command("restrict-device 1 on");
    client.command("restrict-line 2 on");
    client.command("unregister 3");
    let device = |client: &mut Client, n| client.open_device(n, DeviceEventFilter::default())[0].1["result"].clone();
    assert_eq!(device(&mut client, 1), code(CtiFailure::CTIERR_DEVICE_RESTRICTED));
    assert_eq!(device(&mut client, 2), 0);
    assert_eq!(client.open_line(2, calls())[0].1["result"], code(CtiFailure::CTIERR_LINE_RESTRICTED));
    assert_eq!(device(&mut client, 3), code(CtiFailure::DEVICE_NOT_REGISTERED));
}

#[test]
fn a_box_that_is_unticked_closes_what_is_open() {
    let mut client = Client::open(&quiet());
    client.watch(1);
    client.watch(2);
    let heard = client.command("restrict-device 1 on");
    assert_eq!(names(&heard), ["LineClosedEvent", "DeviceClosedEvent", "ProviderUserChangedEvent"]);
    assert_eq!((&heard[0].1["reason"], &heard[1].1["reason"]), (&json!(8), &json!(13)));
    let heard = client.command("restrict-line 2 on");
    assert_eq!(names(&heard), ["LineClosedEvent", "ProviderUserChangedEvent"]);
    assert_eq!(heard[1].1["providerCapabilitiesInfo"]["controlAnyDevice"], true);
}

#[test]
fn a_limit_on_open_devices_is_kept() {
    let mut client = Client::open(&Config { max_devices_open: 1, ..quiet() });
    client.watch(1);
    assert_eq!(client.acquire(2), 0);
    let answer = client.open_device(2, DeviceEventFilter::default());
    assert_eq!(answer[0].1["result"], code(CtiFailure::CANNOT_OPEN_DEVICE));
}

#[test]
fn a_reset_device_comes_back_under_its_handles() {
    let mut client = Client::open(&quiet());
    client.watch(2);
    let heard = client.command("unregister 2");
    assert_eq!(names(&heard), ["LineOutOfServiceEvent", "DeviceOutOfServiceEvent", "DeviceUnregisteredEvent"]);
    let heard = client.command("register 2");
    assert_eq!(names(&heard), ["DeviceRegisteredEventWithLineInfo", "DeviceInServiceEvent", "LineInServiceEvent"]);
    assert_eq!((&heard[1].1["deviceID"], &heard[2].1["lineID"]), (&json!(101), &json!(102)));
}

#[test]
fn a_login_by_extension_mobility_unregisters_and_names_the_user() {
    let mut client = Client::open(&quiet());
    client.watch(2);
    let heard = client.command("login 2 bob");
    assert_eq!((heard[2].0, &heard[2].1["reason"]), ("DeviceUnregisteredEvent", &json!(2)));
    assert_eq!((heard[3].0, &heard[3].1["EMStatus"]), ("ProviderDeviceEMLoginStatusChangedEvent", &json!(1)));
    let heard = client.wait(1);
    assert_eq!((&heard[0].1["registerReason"], &heard[0].1["deviceRegistrationInfo"]["unicodeLoginUserID"]), (&json!(2), &json!("bob")));
}
