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
        Self::connect_with(gateway, number, None).await
    }

    /// Connects with a token.
    ///
    /// # Errors
    /// When the gateway does not take it.
    pub async fn connect_with(gateway: SocketAddr, number: u32, token: Option<&str>) -> Result<Self, LoadError> {
        let failed = |error: Error| LoadError::Client { client: number, gateway, reason: error.to_string() };
        let mut request = format!("ws://{gateway}/v1/ws").into_client_request().map_err(failed)?;
        request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static(SUBPROTOCOL));
        if let Some(bearer) = token.and_then(|token| HeaderValue::from_str(&format!("Bearer {token}")).ok()) {
            request.headers_mut().insert("authorization", bearer);
        }
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
        let answer = self.ask(&Self::subscription(self.number, None)).await?;
        let answer: Subscribed = serde_json::from_str(&answer).map_err(|error| self.broken(&error.to_string()))?;
        Ok(answer.snapshot.iter().any(|device| device.in_service))
    }

    /// The request that subscribes to the phone of this number, from now on or after a cursor.
    pub fn subscription(number: u32, after: Option<&str>) -> String {
        let phone = phone_name(number);
        let after = after.map(|cursor| format!(r#","after":"{cursor}""#)).unwrap_or_default();
        format!(r#"{{"op":"subscribe","id":"1","devices":["{phone}"]{after}}}"#)
    }

    /// Sends a request; the frame that comes next.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn ask(&mut self, request: &str) -> Result<Utf8Bytes, LoadError> {
        self.socket.send(Message::text(request)).await.map_err(|error| self.broken(&error.to_string()))?;
        self.text().await
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
