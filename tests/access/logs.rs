//! No log tells a token, whatever is logged and wherever the token stood.

use std::io::Write;
use std::sync::{Arc, Mutex};

use callcast::access::Config;
use callcast::telemetry::{self, LogOptions};
use jsonwebtoken::Algorithm;
use serde_json::json;

use crate::harness::edge;
use crate::keys::{Signer, api_token, changed, claims};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_token_is_logged_whether_it_is_taken_or_not() {
    let log = Log::default();
    let writer = log.clone();
    let options = LogOptions { level: Some("trace".into()), ..LogOptions::default() };
    telemetry::init_to(&options, &callcast::config::Log::default(), move || writer.clone()).unwrap();

    let folder = tempfile::tempdir().unwrap();
    let signer = Signer::new(Algorithm::EdDSA);
    let (good, table) = api_token("wall", |table| table.everything = true);
    let access = Config { tokens: vec![table], issuers: vec![signer.configured(folder.path())], ..Config::default() };
    let edge = edge(access, |_| {}).await;
    let unknown = format!("{}00", &good[..good.len() - 2]);
    let tokens = [good, unknown, signer.sign(&claims("ann")), signer.sign(&changed("ann", "aud", json!("crm")))];
    for token in &tokens {
        edge.get("/v1/me", Some(token)).await;
        edge.get(&format!("/v1/devices?access_token={token}"), None).await;
        let _ = edge.open("/v1/ws", &format!("callcast.v1, bearer.{token}"), &[]).await;
        let _ = edge.open(&format!("/v1/ws?access_token={token}"), "callcast.v1", &[]).await;
    }
    edge.metric("callcast_tokens_denied_total{reason=\"audience\"} 2").await;

    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(text.contains("a token was not taken"), "nothing was logged");
    for token in &tokens {
        let parts = token.split('.').filter(|part| part.len() > 16);
        for part in parts {
            assert!(!text.contains(part), "{part}");
        }
    }
}
