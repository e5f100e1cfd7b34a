//! The broker inside the process: librdkafka's mock cluster, reachable on a fixed loopback port.
//!
//! It speaks the real protocol, so `kcat` and other clients work against it. It keeps nothing across restarts, hides
//! no open transaction, does not isolate aborted ones and drops records beyond some 5 MiB a partition: it is for the
//! first minute and for tests.
//!
//! The mock cluster always listens on a port of its own choosing and advertises that one. A small forwarder on the
//! fixed port serves clients for finding it; they then go on with the advertised port, which is on 127.0.0.1 too.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use rdkafka::mocking::MockCluster;

use super::edge::lock;
use super::topics::TopicSpec;

/// Connections that the forwarder serves at a time; one more is turned away.
const CONNECTIONS_MAX: usize = 128;
/// How long the cluster may take to start.
const START_TIMEOUT: Duration = Duration::from_secs(10);

/// Why the embedded broker does not run.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// Something else listens on the port.
    #[error(
        "port {port} for the embedded broker is taken ({source}): choose another with `kafka.embedded_port`, or set KAFKA_BOOTSTRAP_SERVERS to use a Kafka cluster"
    )]
    Port {
        /// The port.
        port: u16,
        /// What the system says.
        source: io::Error,
    },
    /// The mock cluster cannot be made.
    #[error("the embedded broker does not start: {0}")]
    Cluster(String),
}

/// A running embedded broker; ends when it is dropped.
pub struct EmbeddedBroker {
    address: SocketAddr,
    direct: String,
    forwarder: Option<Forwarder>,
    orders: Option<Sender<Order>>,
    cluster: Option<JoinHandle<()>>,
}

enum Order {
    Create { name: String, partitions: i32, done: Sender<Result<(), String>> },
    Down(bool, Sender<Result<(), String>>),
}

impl EmbeddedBroker {
    /// Starts a broker on this loopback port (0: any that is free) with these topics, one replica each.
    ///
    /// # Errors
    /// If the port is taken or the cluster cannot be made.
    pub fn start(port: u16, topics: &[TopicSpec]) -> Result<Self, EmbeddedError> {
        // First the port: it is what usually goes wrong.
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|source| EmbeddedError::Port { port, source })?;
        let address = listener.local_addr().map_err(|source| EmbeddedError::Port { port, source })?;
        let (orders, received) = bounded(16);
        let (started, starting) = bounded(1);
        // The mock cluster's handle may not change threads, so one thread makes it, keeps it and drops it.
        let cluster = std::thread::Builder::new()
            .name("embedded-broker".to_owned())
            .spawn(move || keep_cluster(&started, &received))
            .map_err(|error| EmbeddedError::Cluster(error.to_string()))?;
        let direct = starting
            // time: embedded broker: its start | real | channel with time-out | time-out
            .recv_timeout(START_TIMEOUT)
            .map_err(|_| EmbeddedError::Cluster("it did not answer".to_owned()))?
            .map_err(EmbeddedError::Cluster)?;
        let target: SocketAddr = direct
            .split(',')
            .next()
            .and_then(|first| first.parse().ok())
            .ok_or_else(|| EmbeddedError::Cluster(format!("its address {direct} is not understood")))?;
        let forwarder =
            Forwarder::start(listener, address, target).map_err(|error| EmbeddedError::Cluster(error.to_string()))?;
        let broker = Self { address, direct, forwarder: Some(forwarder), orders: Some(orders), cluster: Some(cluster) };
        for topic in topics {
            broker.create_topic(&topic.name, topic.partitions)?;
        }
        Ok(broker)
    }

    /// `host:port` for clients.
    pub fn bootstrap_servers(&self) -> String {
        self.address.to_string()
    }

    /// The cluster's own address, past the forwarder.
    pub fn direct_address(&self) -> &str {
        &self.direct
    }

    /// Creates a topic.
    ///
    /// # Errors
    /// If the mock cluster refuses.
    pub fn create_topic(&self, name: &str, partitions: i32) -> Result<(), EmbeddedError> {
        self.order(|done| Order::Create { name: name.to_owned(), partitions, done })
            .map_err(|error| EmbeddedError::Cluster(format!("topic {name}: {error}")))
    }

    /// Makes the broker refuse connections, or take them again: for trying what happens when it is away.
    ///
    /// # Errors
    /// If the mock cluster refuses.
    pub fn set_down(&self, down: bool) -> Result<(), EmbeddedError> {
        self.order(|done| Order::Down(down, done)).map_err(EmbeddedError::Cluster)
    }

    fn order(&self, make: impl FnOnce(Sender<Result<(), String>>) -> Order) -> Result<(), String> {
        let gone = || "it has ended".to_owned();
        let (done, answer) = bounded(1);
        let orders = self.orders.as_ref().ok_or_else(gone)?;
        orders.send_timeout(make(done), START_TIMEOUT).map_err(|_| gone())?;
        // time: embedded broker: its orders | real | channel with time-out | time-out
        answer.recv_timeout(START_TIMEOUT).map_err(|_| gone())?
    }
}

impl Drop for EmbeddedBroker {
    fn drop(&mut self) {
        drop(self.forwarder.take());
        drop(self.orders.take());
        if let Some(cluster) = self.cluster.take() {
            // It ends as soon as the last order is done.
            let _ = cluster.join();
        }
    }
}

fn keep_cluster(started: &Sender<Result<String, String>>, orders: &Receiver<Order>) {
    let cluster = match MockCluster::new(1) {
        Ok(cluster) => cluster,
        Err(error) => {
            let _ = started.send(Err(error.to_string()));
            return;
        }
    };
    let _ = started.send(Ok(cluster.bootstrap_servers()));
    // Ends when the broker is dropped, and the cluster with it.
    for order in orders {
        let (result, done) = match order {
            Order::Create { name, partitions, done } => (cluster.create_topic(&name, partitions, 1), done),
            Order::Down(true, done) => (cluster.broker_down(-1), done),
            Order::Down(false, done) => (cluster.broker_up(-1), done),
        };
        // Whoever asked may have stopped waiting.
        let _ = done.send(result.map_err(|error| error.to_string()));
    }
}

/// Copies bytes between a fixed port and the cluster's own.
struct Forwarder {
    address: SocketAddr,
    shared: Arc<ForwarderShared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct ForwarderShared {
    stopping: AtomicBool,
    next_id: AtomicU64,
    /// Both ends of every connection, to be shut when the forwarder ends.
    open: Mutex<BTreeMap<u64, (TcpStream, TcpStream)>>,
}

impl Forwarder {
    fn start(listener: TcpListener, address: SocketAddr, target: SocketAddr) -> io::Result<Self> {
        let shared = Arc::new(ForwarderShared::default());
        let accepting = shared.clone();
        let thread = std::thread::Builder::new()
            .name("embedded-port".to_owned())
            .spawn(move || accept(&listener, target, &accepting))?;
        Ok(Self { address, shared, thread: Some(thread) })
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::Release);
        // Wakes the thread that waits for a connection.
        let woken = TcpStream::connect_timeout(&self.address, Duration::from_secs(1)).is_ok();
        for (client, server) in std::mem::take(&mut *lock(&self.shared.open)).into_values() {
            let _ = client.shutdown(Shutdown::Both);
            let _ = server.shutdown(Shutdown::Both);
        }
        if let (true, Some(thread)) = (woken, self.thread.take()) {
            let _ = thread.join();
        }
    }
}

fn accept(listener: &TcpListener, target: SocketAddr, shared: &Arc<ForwarderShared>) {
    for connection in listener.incoming() {
        if shared.stopping.load(Ordering::Acquire) {
            return;
        }
        let Ok(client) = connection else { continue };
        if lock(&shared.open).len() >= CONNECTIONS_MAX {
            tracing::warn!(CONNECTIONS_MAX, "a connection to the embedded broker was turned away: too many");
            continue;
        }
        if let Err(error) = forward(client, target, shared) {
            tracing::debug!(%error, "a connection to the embedded broker failed");
        }
    }
}

fn forward(client: TcpStream, target: SocketAddr, shared: &Arc<ForwarderShared>) -> io::Result<()> {
    let server = TcpStream::connect_timeout(&target, Duration::from_secs(1))?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let id = shared.next_id.fetch_add(1, Ordering::Relaxed);
    lock(&shared.open).insert(id, (client.try_clone()?, server.try_clone()?));
    let there = (client.try_clone()?, server.try_clone()?);
    let pump = |(mut from, mut to): (TcpStream, TcpStream), shared: Arc<ForwarderShared>| {
        move || {
            // Whichever way the connection ends, both directions end with it.
            let _ = io::copy(&mut from, &mut to);
            let _ = from.shutdown(Shutdown::Both);
            let _ = to.shutdown(Shutdown::Both);
            lock(&shared.open).remove(&id);
        }
    };
    for (name, pair) in [("embedded-in", there), ("embedded-out", (server, client))] {
        std::thread::Builder::new().name(name.to_owned()).spawn(pump(pair, shared.clone()))?;
    }
    Ok(())
}
