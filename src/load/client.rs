//! A WebSocket client that subscribes to one simulated phone.

use std::net::SocketAddr;

use futures_util::{SinkExt as _, StreamExt as _};
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

use super::LoadError;
use crate::sim::phone_name;
use crate::sinks::websocket::SUBPROTOCOL;

/// A client, numbered from 1, that watches the simulated phone of its number.
#[derive(Debug)]
pub struct Client {
    socket: WebSocketStream<TcpStream>,
    number: u32,
    gateway: SocketAddr,
}

#[derive(Deserialize)]
struct Subscribed {
    #[serde(default)]
    snapshot: Vec<InService>,
}

#[derive(Deserialize)]
struct InService {
    in_service: bool,
}

impl Client {
    /// Connects; it is not subscribed yet.
    ///
    /// # Errors
    /// When the gateway does not take it.
    pub async fn connect(gateway: SocketAddr, number: u32) -> Result<Self, LoadError> {
        let failed = |error: Error| LoadError::Client { client: number, gateway, reason: error.to_string() };
        let mut request = format!("ws://{gateway}/v1/ws").into_client_request().map_err(failed)?;
        request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static(SUBPROTOCOL));
        let stream = TcpStream::connect(gateway).await.map_err(|error| failed(error.into()))?;
        let config = WebSocketConfig::default().read_buffer_size(4096).write_buffer_size(1024);
        let (socket, _) = tokio_tungstenite::client_async_with_config(request, stream, Some(config)).await.map_err(failed)?;
        Ok(Self { socket, number, gateway })
    }

    /// Subscribes to its phone, and says whether that is in service.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn subscribe(&mut self) -> Result<bool, LoadError> {
        let phone = phone_name(self.number);
        let request = format!(r#"{{"op":"subscribe","id":"1","devices":["{phone}"]}}"#);
        self.socket.send(Message::text(request)).await.map_err(|error| self.broken(&error.to_string()))?;
        let answer = self.text().await?;
        let answer: Subscribed = serde_json::from_str(&answer).map_err(|error| self.broken(&error.to_string()))?;
        Ok(answer.snapshot.iter().any(|device| device.in_service))
    }

    /// Ends the subscription. What comes before the answer is passed over.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn unsubscribe(&mut self) -> Result<(), LoadError> {
        let request = Message::text(r#"{"op":"unsubscribe","id":"1"}"#);
        self.socket.send(request).await.map_err(|error| self.broken(&error.to_string()))?;
        while !self.text().await?.starts_with(r#"{"op":"unsubscribed""#) {}
        Ok(())
    }

    /// The next text frame; pings are answered in between.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn text(&mut self) -> Result<Utf8Bytes, LoadError> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => return Ok(text),
                Some(Ok(Message::Close(frame))) => return Err(self.broken(&format!("closed: {frame:?}"))),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(self.broken(&error.to_string())),
                None => return Err(self.broken("the connection ended")),
            }
        }
    }

    fn broken(&self, reason: &str) -> LoadError {
        LoadError::Client { client: self.number, gateway: self.gateway, reason: reason.to_owned() }
    }
}
