//! A wire between a browser and a gateway that can be cut, and that can go dead without a word, as that of a laptop that sleeps.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What the wire does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wire {
    Works,
    /// Connections of before stay open, and nothing comes through them ever again.
    Dead,
    /// Connections of before are closed, new ones at once.
    Cut,
}

/// Passes connections on to a server.
pub struct Relay {
    pub address: SocketAddr,
    wire: watch::Sender<(Wire, u64)>,
}

impl Relay {
    pub async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (wire, state) = watch::channel((Wire::Works, 0));
        tokio::spawn(async move {
            while let Ok((browser, _)) = listener.accept().await {
                tokio::spawn(pass(browser, server, state.clone()));
            }
        });
        Self { address, wire }
    }

    /// The browser's computer sleeps: connections are as dead, and nobody is told.
    pub fn sleep(&self) {
        self.change(Wire::Dead);
    }

    /// New connections work again; those of before stay as they are.
    pub fn wake(&self) {
        self.change(Wire::Works);
    }

    /// Everything is closed, and stays so.
    pub fn cut(&self) {
        self.change(Wire::Cut);
    }

    fn change(&self, to: Wire) {
        self.wire.send_modify(|(wire, age)| (*wire, *age) = (to, *age + 1));
    }
}

fn now(state: &mut watch::Receiver<(Wire, u64)>) -> Wire {
    state.borrow_and_update().0
}

async fn pass(mut browser: TcpStream, server: SocketAddr, mut state: watch::Receiver<(Wire, u64)>) {
    if now(&mut state) == Wire::Cut {
        return;
    }
    let Ok(mut server) = TcpStream::connect(server).await else { return };
    let (mut up, mut down) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    loop {
        tokio::select! {
            biased;
            Ok(()) = state.changed() => match now(&mut state) {
                Wire::Works => {}
                Wire::Cut => return,
                // Whoever is on it hears nothing more, until the test ends or the browser gives up.
                Wire::Dead => {
                    drop(server);
                    while browser.read(&mut up).await.is_ok_and(|read| read > 0) {}
                    return;
                }
            },
            read = browser.read(&mut up) => match read {
                Ok(length @ 1..) if server.write_all(&up[..length]).await.is_ok() => {}
                _ => return,
            },
            read = server.read(&mut down) => match read {
                Ok(length @ 1..) if browser.write_all(&down[..length]).await.is_ok() => {}
                _ => return,
            },
        }
    }
}
