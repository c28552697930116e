//! The gateway as a process of its own.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;

use callcast::sim::DeviceRecord;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStderr, Command};

use super::LIMIT;

/// Its files.
pub struct Setup {
    folder: TempDir,
    config: String,
}

impl Setup {
    pub fn new(manager: SocketAddr, devices: &[DeviceRecord]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut inventory = "device,user\n".to_owned();
        devices.iter().for_each(|d| writeln!(inventory, "{},{}", d.name, d.user.as_deref().unwrap_or_default()).unwrap());
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("devices.csv", &inventory);
        write("password", "callcast");
        let config = format!(
            "[admin]\nlisten = ''\n[api]\nlisten = '127.0.0.1:0'\n[journal]\ndirectory = '{0}/journal'\n\
             [[session]]\nmanagers = ['{manager}']\nuser = 'callcast'\npassword_file = '{0}/password'\ninventory.file = '{0}/devices.csv'\n\
             pace.devices_per_second = 0\npace.requests_in_flight = 500\n",
            folder.path().display()
        );
        Self { config, folder }
    }

    pub fn journal(&self) -> PathBuf {
        self.folder.path().join("journal")
    }

    /// Its configuration, with something more.
    fn config(&self, more: &str) -> PathBuf {
        let path = self.folder.path().join("callcast.toml");
        std::fs::write(&path, format!("{}{more}", self.config)).unwrap();
        path
    }
}

/// A gateway that runs. It is killed with the test.
pub struct Gateway {
    child: Child,
}

impl Gateway {
    /// Starts it with so much more in its configuration, and waits until it listens: where, it says.
    pub async fn start(setup: &Setup, more: &str) -> (Self, SocketAddr) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_callcast"));
        command.args(["run", "--log-format", "json", "--config"]).arg(setup.config(more));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let address = tokio::time::timeout(LIMIT, listens(&mut log)).await.expect("it does not listen in time");
        // It must not wait for somebody to read its log.
        tokio::spawn(async move { while log.read_line(&mut String::new()).await.is_ok_and(|read| read > 0) {} });
        (Self { child }, address)
    }

    /// `kill -9`
    pub async fn kill(mut self) {
        self.child.start_kill().unwrap();
        self.ends().await;
    }

    /// Asks it to stop, and waits until it has.
    pub async fn stop(mut self) {
        let id = self.child.id().unwrap().to_string();
        assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        self.ends().await;
    }

    async fn ends(&mut self) {
        tokio::time::timeout(LIMIT, self.child.wait()).await.expect("it does not end in time").unwrap();
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
