//! The gateway as a process of its own.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use callcast::sim::DeviceRecord;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStderr, Command};

use crate::LIMIT;

/// Its files.
pub struct Setup {
    folder: TempDir,
    config: PathBuf,
}

impl Setup {
    pub fn new(manager: SocketAddr, devices: &[DeviceRecord]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut inventory = "device,user\n".to_owned();
        devices.iter().for_each(|d| writeln!(inventory, "{},{}", d.name, d.user.as_deref().unwrap_or_default()).unwrap());
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("devices.csv", &inventory);
        write("password", "callcast");
        let text = format!(
            "[admin]\nlisten = ''\n[api]\nlisten = '127.0.0.1:0'\n[journal]\ndirectory = '{0}/journal'\n\
             [[session]]\nmanagers = ['{manager}']\nuser = 'callcast'\npassword_file = '{0}/password'\ninventory.file = '{0}/devices.csv'\n\
             pace.devices_per_second = 0\npace.requests_in_flight = 500\n",
            folder.path().display()
        );
        write("callcast.toml", &text);
        Self { config: folder.path().join("callcast.toml"), folder }
    }

    pub fn journal(&self) -> PathBuf {
        self.folder.path().join("journal")
    }

    fn config(&self) -> &Path {
        &self.config
    }
}

/// A gateway that runs. It is killed with the test.
pub struct Gateway {
    child: Child,
    pub address: SocketAddr,
}

impl Gateway {
    /// Starts it, and waits until it listens.
    pub async fn start(setup: &Setup) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_callcast"));
        command.args(["run", "--log-format", "json", "--config"]).arg(setup.config());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let address = tokio::time::timeout(LIMIT, listens(&mut log)).await.expect("it does not listen in time");
        // It must not wait for somebody to read its log.
        tokio::spawn(async move { while log.read_line(&mut String::new()).await.is_ok_and(|read| read > 0) {} });
        Self { child, address }
    }

    /// `kill -9`
    pub fn kill(&mut self) {
        self.child.start_kill().unwrap();
    }

    /// Asks it to stop.
    pub fn stop(&mut self) {
        let id = self.child.id().unwrap().to_string();
        assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    }
}

/// Where it says that it listens.
async fn listens(log: &mut BufReader<ChildStderr>) -> SocketAddr {
    let mut seen = String::new();
    loop {
        let mut line = String::new();
        if log.read_line(&mut line).await.unwrap() == 0 {
            panic!("it ended before it listened:\n{seen}");
        }
        if line.contains("callcast listens") {
            let line: Value = serde_json::from_str(&line).unwrap();
            return line["address"].as_str().unwrap().parse().unwrap();
        }
        seen.push_str(&line);
    }
}
