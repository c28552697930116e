//! The binary as people and scripts hold it: commands, output, exit codes, signals.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // in tests they are assertions
#![allow(missing_docs)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(30);

fn callcast(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_callcast"));
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn output(args: &[&str]) -> Output {
    callcast(args).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A process that is ended with the test.
struct Running {
    child: Child,
    /// Standard error, as it comes.
    log: std::sync::mpsc::Receiver<String>,
    seen: String,
}

impl Running {
    fn start(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let (sender, log) = std::sync::mpsc::channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || stderr.lines().map_while(Result::ok).for_each(|line| drop(sender.send(line))));
        Self { child, log, seen: String::new() }
    }

    /// Waits until a line of the log holds `text`.
    fn wait_for_log(&mut self, text: &str) -> String {
        let deadline = Instant::now() + LIMIT;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.log.recv_timeout(left).unwrap_or_else(|_| panic!("no {text:?} in the log:\n{}", self.seen));
            self.seen.push_str(&line);
            self.seen.push('\n');
            if line.contains(text) {
                return line;
            }
        }
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + LIMIT;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            std::thread::yield_now();
        }
        panic!("it did not end:\n{}", self.seen);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A simulated cluster of ten phones; its address, and that of its control socket.
fn cluster(folder: &Path, more: &[&str]) -> (Running, String, String) {
    let inventory = folder.join("devices.csv");
    let mut args = vec!["simulate", "--listen", "127.0.0.1:0", "--control", "127.0.0.1:0", "--devices", "10", "--calls-per-second", "0"];
    args.extend(["--write-inventory", inventory.to_str().unwrap()]);
    args.extend(more);
    let mut running = Running::start(&mut callcast(&args));
    let mut lines = BufReader::new(running.child.stdout.take().unwrap()).lines();
    let mut control = String::new();
    let address = loop {
        let line = lines.next().expect("it ended before it was ready").unwrap();
        if let Some(address) = line.strip_prefix("control ") {
            control = address.to_owned();
        }
        if let Some(address) = line.strip_prefix("ready ") {
            break address.to_owned();
        }
    };
    (running, address, control)
}

fn command(control: &str, line: &str) {
    let mut stream = TcpStream::connect(control).unwrap();
    writeln!(stream, "{line}").unwrap();
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).unwrap();
    assert!(!answer.starts_with("error"), "{line}: {answer}");
}

/// A configuration for a gateway to that cluster.
fn configuration(folder: &Path, manager: &str, password: &str, more: &str) -> PathBuf {
    std::fs::write(folder.join("password"), password).unwrap();
    let path = folder.join("callcast.toml");
    let text = format!(
        "[admin]\nlisten = '127.0.0.1:0'\n[api]\nlisten = '127.0.0.1:0'\n{more}\n[[session]]\nmanagers = ['{manager}']\nuser = 'callcast'\npassword_file = '{0}/password'\n\
         inventory.file = '{0}/devices.csv'\npace.devices_per_second = 0\n[journal]\ndirectory = '{0}/journal'\n",
        folder.display()
    );
    std::fs::write(&path, text).unwrap();
    path
}

fn gateway(config: &Path) -> (Running, String) {
    let (running, address, _) = gateway_with_admin(config);
    (running, address)
}

/// The gateway, its address, and that of its admin listener.
fn gateway_with_admin(config: &Path) -> (Running, String, String) {
    let mut running = Running::start(&mut callcast(&["run", "--config", config.to_str().unwrap(), "--log-format", "json"]));
    let line: serde_json::Value = serde_json::from_str(&running.wait_for_log("callcast listens")).unwrap();
    let text = |key: &str| line[key].as_str().unwrap().to_owned();
    (running, text("address"), text("admin"))
}

/// Status and body of a GET.
fn get(address: &str, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

/// Asks `/readyz` until it says what is waited for.
fn wait_until_ready(address: &str, is: impl Fn(u16, &serde_json::Value) -> bool) -> serde_json::Value {
    let deadline = Instant::now() + LIMIT;
    loop {
        let (status, body) = get(address, "/readyz");
        let report = serde_json::from_str(&body).unwrap();
        if is(status, &report) {
            return report;
        }
        assert!(Instant::now() < deadline, "{body}");
        std::thread::yield_now();
    }
}

#[test]
fn a_gateway_logs_in_gets_ready_and_ends_on_sigterm() {
    let folder = tempfile::tempdir().unwrap();
    let (_cluster, manager, _) = cluster(folder.path(), &[]);
    let (mut gateway, address, admin) = gateway_with_admin(&configuration(folder.path(), &manager, "callcast", ""));
    let report = wait_until_ready(&address, |status, _| status == 200);
    assert_eq!(report["devices"]["in_service"], 10);
    assert!(get(&admin, "/metrics").1.contains("callcast_cti_messages_total{session=\"0\",message=\"LineInServiceEvent\"} 10"));
    gateway.signal("-TERM");
    assert_eq!(gateway.wait().code(), Some(0));
}

#[test]
fn a_simulator_counts_its_calls_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = Running::start(&mut callcast(&["simulate", "--listen", "127.0.0.1:0", "--devices", "4", "--calls-per-second", "0"]));
    let mut lines = BufReader::new(running.child.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().starts_with("ready 127.0.0.1:"));
    running.signal("-TERM");
    assert_eq!(running.wait().code(), Some(0));
    assert_eq!(lines.next().unwrap().unwrap(), "calls started 0 ended 0");
    drop(folder);
}

#[test]
fn a_flow_file_that_cannot_be_played_is_told_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("busy.flow");
    std::fs::write(&path, "basis constructed\nphone A 1000\nmessages\n0.0 A NewCalEvent callLegID=1\nexpect\n").unwrap();
    let output = callcast(&["simulate", "--listen", "127.0.0.1:0", "--play", path.to_str().unwrap()]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains("busy.flow:4: no message is named `NewCalEvent`; did you mean `NewCallEvent`?"), "{message}");
}

#[test]
fn a_wrong_password_is_told_with_its_cure_and_not_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let (_cluster, manager, _) = cluster(folder.path(), &[]);
    let (mut gateway, address) = gateway(&configuration(folder.path(), &manager, "wrong", ""));
    let line = gateway.wait_for_log("DIRECTORY_LOGIN_FAILED");
    assert!(line.contains("Application User"), "{line}");
    assert!(!gateway.seen.contains("\"wrong\""), "the password is never logged");
    let report = wait_until_ready(&address, |status, report| status == 503 && report["sessions"][0]["state"] == "waiting");
    assert!(report["sessions"][0]["reason"].as_str().unwrap().contains("password"), "{report}");
}

#[test]
fn a_corrected_password_is_taken_on_sighup() {
    let folder = tempfile::tempdir().unwrap();
    let (_cluster, manager, _) = cluster(folder.path(), &[]);
    let (gateway, address) = gateway(&configuration(folder.path(), &manager, "wrong", ""));
    wait_until_ready(&address, |_, report| report["sessions"][0]["state"] == "waiting");
    std::fs::write(folder.path().join("password"), "callcast").unwrap();
    gateway.signal("-HUP");
    wait_until_ready(&address, |status, _| status == 200);
}

#[test]
fn a_device_that_the_cluster_does_not_have_is_refused_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (_cluster, manager, _) = cluster(folder.path(), &[]);
    let config = configuration(folder.path(), &manager, "callcast", "");
    std::fs::write(folder.path().join("devices.csv"), "device,user\nSEP000000000001,user1\nSEPFFFFFFFFFFFF,nobody\n").unwrap();
    let (_gateway, address) = gateway(&config);
    let report = wait_until_ready(&address, |_, report| report["sessions"][0]["state"] == "in_service");
    assert_eq!(report["devices"]["in_service"], 1);
    assert_eq!(report["devices"]["refused"][0]["examples"][0], "SEPFFFFFFFFFFFF");
    assert!(report["devices"]["refused"][0]["cure"].as_str().unwrap().contains("inventory"), "{report}");
}

#[test]
fn a_device_without_its_check_box_is_refused_with_the_cure_on_the_readiness_page() {
    let folder = tempfile::tempdir().unwrap();
    let (_cluster, manager, control) = cluster(folder.path(), &[]);
    command(&control, "restrict-device 3 on");
    let (_gateway, address) = gateway(&configuration(folder.path(), &manager, "callcast", ""));
    let report = wait_until_ready(&address, |_, report| report["sessions"][0]["state"] == "in_service");
    let refused = &report["devices"]["refused"][0];
    assert_eq!((refused["cause"].as_str(), refused["examples"][0].as_str()), (Some("device_restricted"), Some("SEP000000000003")));
    assert!(refused["cure"].as_str().unwrap().contains("Allow Control of Device from CTI"), "{refused}");
}

#[test]
fn a_port_that_is_not_ctiqbe_is_told_so() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("devices.csv"), "device,user\nSEP000000000001,user1\n").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let manager = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            // It is gone when the test is over.
            let _ = stream.and_then(|mut stream| stream.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"));
        }
    });
    let (mut gateway, _) = gateway(&configuration(folder.path(), &manager, "callcast", ""));
    let line = gateway.wait_for_log("not CTIQBE");
    assert!(line.contains("2748"), "{line}");
}

#[test]
fn nobody_listening_is_told_with_what_to_look_at() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("devices.csv"), "device,user\nSEP000000000001,user1\n").unwrap();
    let manager = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let (mut gateway, _) = gateway(&configuration(folder.path(), &manager, "callcast", ""));
    let line = gateway.wait_for_log("refused");
    assert!(line.contains("CTIManager"), "{line}");
}

#[test]
fn the_journal_is_read_beside_its_gateway_outlives_it_and_forgets_a_user() {
    let folder = tempfile::tempdir().unwrap();
    let (_cluster, manager, _) = cluster(folder.path(), &[]);
    let config = configuration(folder.path(), &manager, "callcast", "");
    let config = config.to_str().unwrap();
    let (mut gateway, address) = gateway(Path::new(config));
    wait_until_ready(&address, |status, _| status == 200);
    let told = || {
        let replayed = output(&["replay", "--config", config, "--type", "device.in_service"]);
        assert!(replayed.status.success(), "{}", stderr(&replayed));
        let lines = String::from_utf8(replayed.stdout).unwrap();
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<serde_json::Value>>()
    };
    let deadline = Instant::now() + LIMIT;
    while told().len() < 10 {
        assert!(Instant::now() < deadline);
    }
    let refused = output(&["erase", "--config", config, "--user", "user3", "--yes"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains(&format!("in use by process {}", gateway.child.id())), "{}", stderr(&refused));
    let second = output(&["run", "--config", config]);
    assert!(!second.status.success() && stderr(&second).contains("stop that gateway first"), "{}", stderr(&second));

    gateway.signal("-KILL");
    gateway.wait();
    assert_eq!(told().len(), 10);
    let erased = output(&["erase", "--config", config, "--user", "user3", "--yes"]);
    assert!(erased.status.success(), "{}", stderr(&erased));
    assert!(String::from_utf8_lossy(&erased.stdout).starts_with("erased: "));
    let left = told();
    assert_eq!(left.len(), 9);
    assert!(left.iter().all(|event| event["data"]["user"]["id"] != "user3"), "{left:?}");
}

#[test]
fn check_says_what_a_configuration_would_do() {
    let folder = tempfile::tempdir().unwrap();
    let numbers = "[numbers]\nregion = 'FR'\nextension = [{ pattern = '1xxx', e164 = '+33123401xxx' }]";
    let config = configuration(folder.path(), "cucm-sub1", "callcast", numbers);
    let checked = output(&["check", "--config", config.to_str().unwrap()]);
    let text = String::from_utf8(checked.stdout).unwrap();
    assert_eq!(checked.status.code(), Some(0));
    assert!(text.contains("logs in to cucm-sub1 over clear text as callcast"), "{text}");
    assert!(text.contains("delivered 0123456789 is +33123456789"), "{text}");
    assert!(text.contains("1xxx is +33123401xxx"), "{text}");
    assert!(text.contains("warning: [[session]] 1: `managers` names one CTIManager"), "{text}");
}

#[test]
fn check_shows_where_a_webhook_leads_and_no_more_of_its_url() {
    let folder = tempfile::tempdir().unwrap();
    let webhook = "[[webhook]]\nname = 'crm'\nurl = 'https://crm.example/geheim'";
    let config = configuration(folder.path(), "cucm-sub1", "callcast", webhook);
    let checked = output(&["check", "--config", config.to_str().unwrap()]);
    let text = String::from_utf8(checked.stdout).unwrap();
    assert!(text.contains("webhook crm: events go to https://crm.example\n") && !text.contains("geheim"), "{text}");
}

#[test]
fn a_mistake_in_the_configuration_exits_with_2_and_the_nearest_key() {
    let folder = tempfile::tempdir().unwrap();
    let config = configuration(folder.path(), "cucm-sub1", "callcast", "lisen = 1");
    let refused = output(&["check", "--config", config.to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(stderr(&refused).contains("did you mean `listen`?"), "{}", stderr(&refused));
}

#[test]
fn a_missing_password_file_ends_the_gateway_and_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let config = configuration(folder.path(), "cucm-sub1", "callcast", "");
    std::fs::write(folder.path().join("devices.csv"), "device,user\n").unwrap();
    std::fs::remove_file(folder.path().join("password")).unwrap();
    let refused = output(&["run", "--config", config.to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("password"), "{}", stderr(&refused));
}

#[test]
fn a_port_that_is_taken_is_named_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let refused = output(&["demo", "--no-browser", "--port", &port]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("cannot listen on"), "{}", stderr(&refused));
    drop(folder);
}

#[test]
fn decode_prints_a_recorded_session() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/ctiqbe/transcripts/basic.15.jsonl");
    let decoded = output(&["decode", "--brief", file]);
    let text = String::from_utf8(decoded.stdout).unwrap();
    assert!(text.contains("CallStateChangedEvent_V2") && text.contains("state: 8 CONNECTED"), "{text}");
}

#[test]
fn a_script_with_a_mistake_is_refused_with_its_line_and_shares_over_one_with_their_sum() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("day.script");
    std::fs::write(&script, "# a day\n0 call 1 2\nsoon answer 2\n").unwrap();
    let refused = output(&["simulate", "--listen", "127.0.0.1:0", "--script", script.to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(stderr(&refused).contains("day.script:3: `soon` is no number of seconds; a line of a script is"), "{}", stderr(&refused));
    let refused = output(&["simulate", "--listen", "127.0.0.1:0", "--transferred", "0.7", "--hunted", "0.7"]);
    assert!(stderr(&refused).contains("add up to 1.58: at most 1"), "{}", stderr(&refused));
}

#[test]
fn a_new_token_is_shown_apart_from_the_table_that_knows_it() {
    let made = output(&["token", "new", "--name", "crm", "--user", "bsmith", "--line", "2000"]);
    assert_eq!(made.status.code(), Some(0));
    let table = String::from_utf8(made.stdout.clone()).unwrap();
    let shown = stderr(&made);
    let token = shown.lines().find(|line| line.starts_with("callcast_")).expect("no token is shown");
    assert!(table.starts_with("[[access.token]]\nname = \"crm\"\nsha256 = \"") && !table.contains(token), "{table}");

    let folder = tempfile::tempdir().unwrap();
    let config = configuration(folder.path(), "cucm-sub1", "callcast", &table);
    let checked = output(&["check", "--config", config.to_str().unwrap()]);
    assert_eq!(checked.status.code(), Some(0), "{}", stderr(&checked));
    assert!(String::from_utf8_lossy(&checked.stdout).contains("holders of 1 API tokens"));

    let nothing = output(&["token", "new", "--name", "crm"]);
    assert_eq!(nothing.status.code(), Some(2));
    assert!(stderr(&nothing).contains("--everything"), "{}", stderr(&nothing));
}

#[test]
fn a_token_is_taken_back_on_sighup_and_nonsense_leaves_what_there_is() {
    let folder = tempfile::tempdir().unwrap();
    let (_cluster, manager, _) = cluster(folder.path(), &[]);
    let table = || String::from_utf8(output(&["token", "new", "--name", "crm", "--everything"]).stdout).unwrap();
    let (mut gateway, _) = gateway(&configuration(folder.path(), &manager, "callcast", &table()));
    let config = configuration(folder.path(), &manager, "callcast", &table());
    gateway.signal("-HUP");
    let line = gateway.wait_for_log("read the API tokens again");
    assert!(line.contains("\"tokens\":1,\"revoked\":1"), "{line}");
    std::fs::write(config, "nonsense").unwrap();
    gateway.signal("-HUP");
    let line = gateway.wait_for_log("the API tokens stay as they were");
    assert!(line.contains("line 1"), "{line}");
}

#[test]
fn a_gateway_that_asks_for_tokens_tells_nothing_without_one() {
    let folder = tempfile::tempdir().unwrap();
    let (_cluster, manager, _) = cluster(folder.path(), &[]);
    let made = output(&["token", "new", "--name", "ops", "--admin"]);
    let config = configuration(folder.path(), &manager, "callcast", &String::from_utf8(made.stdout).unwrap());
    let (mut gateway, address, admin) = gateway_with_admin(&config);
    assert_eq!((get(&address, "/v1/devices").0, get(&address, "/").0), (401, 200));
    assert_eq!((get(&admin, "/admin/v1/nothing").0, get(&admin, "/metrics").0), (401, 200));
    gateway.signal("-TERM");
    assert_eq!(gateway.wait().code(), Some(0));
}
