//! A connection that breaks at the worst moment: a TCP proxy before PostgreSQL.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What happens to the next COMMIT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Fault {
    None = 0,
    /// The server gets it and answers; the answer is lost with the connection.
    LoseAnswer = 1,
    /// It never arrives.
    LoseCommit = 2,
    /// It never arrives, and the server does not learn that the connection is gone.
    LoseCommitSilently = 3,
}

/// A running proxy; it ends with the runtime.
pub(crate) struct Proxy {
    pub url: String,
    fault: Arc<AtomicU8>,
}

impl Proxy {
    /// A proxy before the server of `url`.
    pub(crate) async fn start(url: &str) -> Self {
        let (head, database) = url.rsplit_once('/').unwrap();
        let (user, server) = head.rsplit_once('@').or_else(|| head.rsplit_once("//")).unwrap();
        let separator = if head.contains('@') { "@" } else { "//" };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let fault = Arc::new(AtomicU8::new(0));
        let (server, shared) = (server.to_owned(), Arc::clone(&fault));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if let Ok(server) = TcpStream::connect(&server).await {
                    tokio::spawn(carry(client, server, Arc::clone(&shared)));
                }
            }
        });
        Self { url: format!("{user}{separator}127.0.0.1:{port}/{database}"), fault }
    }

    /// Arms a fault for the next COMMIT on any connection.
    pub(crate) fn arm(&self, fault: Fault) {
        self.fault.store(fault as u8, Ordering::SeqCst);
    }

    /// Whether the fault has happened.
    pub(crate) fn has_struck(&self) -> bool {
        self.fault.load(Ordering::SeqCst) == Fault::None as u8
    }
}

async fn carry(mut client: TcpStream, mut server: TcpStream, fault: Arc<AtomicU8>) {
    let (mut up, mut down) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        tokio::select! {
            read = client.read(&mut up) => {
                let Ok(read @ 1..) = read else { return };
                let is_commit = up[..read].windows(6).any(|window| window == b"COMMIT");
                let struck = if is_commit { fault.swap(0, Ordering::SeqCst) } else { 0 };
                match struck {
                    2 => return,
                    3 => {
                        drop(client);
                        // Held open; the server ends the transaction by its own limit.
                        let _ = server.read(&mut down).await;
                        return;
                    }
                    _ => {}
                }
                if server.write_all(&up[..read]).await.is_err() {
                    return;
                }
                if struck == 1 {
                    let _ = server.read(&mut down).await;
                    return;
                }
            }
            read = server.read(&mut down) => {
                let Ok(read @ 1..) = read else { return };
                if client.write_all(&down[..read]).await.is_err() {
                    return;
                }
            }
        }
    }
}
