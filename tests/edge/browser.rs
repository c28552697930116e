//! Chromium, driven through chromedriver.

use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::until;

const MISSING: &str = "these tests drive a real browser; install it: apt-get install --yes chromium chromium-driver";

/// A browser with a profile of its own. It ends with the test.
pub struct Browser {
    pub client: Client,
    driver: Child,
    _profile: TempDir,
}

/// A browser; `pop_ups` says whether it lets pages open windows by themselves.
pub async fn browser(pop_ups: bool) -> Browser {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut driver = Command::new("chromedriver");
    // A group of its own: a test that fails ends the driver and Chromium with it.
    driver.arg(format!("--port={port}")).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    let driver = driver.spawn();
    let driver = driver.unwrap_or_else(|error| panic!("cannot start chromedriver: {error}; {MISSING}"));
    let profile = TempDir::new().unwrap();
    let arguments = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-dev-shm-usage",
        "--window-size=1280,800",
    ];
    let mut arguments: Vec<String> = arguments.map(str::to_owned).into();
    arguments.push(format!("--user-data-dir={}", profile.path().display()));
    let excluded = if pop_ups { json!([]) } else { json!(["disable-popup-blocking"]) };
    let capabilities = json!({ "goog:chromeOptions": { "args": arguments, "excludeSwitches": excluded } });
    let Value::Object(capabilities) = capabilities else { unreachable!() };
    let client = until("chromedriver to start Chromium", || async {
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(capabilities.clone());
        builder.connect(&format!("http://127.0.0.1:{port}")).await.ok()
    })
    .await;
    Browser { client, driver, _profile: profile }
}

impl Browser {
    /// Waits until the first element of this selector has this in its text.
    pub async fn shows(&self, selector: &str, text: &str) -> String {
        until(&format!("{text:?} in {selector}"), || async {
            let shown = self.client.find(Locator::Css(selector)).await.ok()?.text().await.ok()?;
            shown.contains(text).then_some(shown)
        })
        .await
    }

    /// Waits until there is no such element.
    pub async fn lacks(&self, selector: &str) {
        until(&format!("no {selector}"), || async { self.client.find_all(Locator::Css(selector)).await.ok()?.is_empty().then_some(()) })
            .await;
    }

    pub async fn script(&self, script: &str) -> Value {
        self.client.execute(script, vec![]).await.unwrap()
    }

    /// One of Chromium's own commands.
    pub async fn dev_tools(&self, command: &str, parameters: Value) {
        self.client.issue_cmd(DevTools(json!({ "cmd": command, "params": parameters }))).await.unwrap();
    }

    /// Pictures of the page as light and as dark, in target/screenshots.
    pub async fn picture(&self, name: &str) {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
        std::fs::create_dir_all(&folder).unwrap();
        for scheme in ["light", "dark"] {
            let parameters = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
            self.dev_tools("Emulation.setEmulatedMedia", parameters).await;
            std::fs::write(folder.join(format!("{name}-{scheme}.png")), self.client.screenshot().await.unwrap()).unwrap();
        }
    }

    /// The same as a telephone shows it.
    pub async fn narrow_picture(&self, name: &str) {
        let telephone = json!({ "width": 390, "height": 780, "deviceScaleFactor": 1, "mobile": true });
        self.dev_tools("Emulation.setDeviceMetricsOverride", telephone).await;
        self.picture(name).await;
        self.dev_tools("Emulation.clearDeviceMetricsOverride", json!({})).await;
    }

    /// Closes the browser in order, so that nothing of it stays.
    pub async fn quit(self) {
        self.client.clone().close().await.unwrap();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        drop(Command::new("kill").args(["-KILL", "--", &format!("-{}", self.driver.id())]).status());
        drop(self.driver.wait());
    }
}

/// Chromium's own command, past WebDriver.
#[derive(Debug)]
struct DevTools(Value);

impl fantoccini::wd::WebDriverCompatibleCommand for DevTools {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (hyper::Method, Option<String>) {
        (hyper::Method::POST, Some(self.0.to_string()))
    }
}
