//! The nodes of a private cluster: formatted, started, waited for, killed, started again.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::metadata;
use super::properties::{self, Node, Ports};
use super::spec::{ClusterSpec, Sasl};
use crate::clock::Deadline;
use crate::process::{Ask, Running};
use crate::run::OnStart;
use crate::{Error, Result, interrupt, paths, ports, run};

const READY_LIMIT: Duration = Duration::from_secs(90);
const FORMAT_LIMIT: Duration = Duration::from_secs(60);
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// How long a node may take to shut down in good order.
const GRACE: Duration = Duration::from_secs(15);
/// What a node says when it works.
const STARTED: &str = "Kafka Server started";
const PORT_TAKEN: &str = "Address already in use";
const START_ATTEMPTS: u32 = 3;

/// A running cluster. Dropping it stops what runs of it.
#[derive(Debug)]
pub struct Cluster {
    spec: ClusterSpec,
    ports: Vec<Ports>,
    /// By node; nobody where a node has been stopped.
    running: Vec<Option<Running>>,
}

impl Cluster {
    /// Starts a cluster on free loopback ports and returns when every broker knows every other.
    pub fn start(spec: ClusterSpec, on_start: OnStart<'_>) -> Result<Self> {
        spec.check()?;
        fs::create_dir_all(&spec.dir).map_err(|error| Error::io("cannot create", &spec.dir, &error))?;
        let mut attempt = 1;
        loop {
            match Self::start_once(spec.clone(), on_start) {
                // Between our finding a port free and the broker's using it, somebody else took it.
                Err(error) if error.to_string().contains(PORT_TAKEN) && attempt < START_ATTEMPTS => attempt += 1,
                result => return result,
            }
        }
    }

    fn start_once(spec: ClusterSpec, on_start: OnStart<'_>) -> Result<Self> {
        let mut free = ports::free(3 * spec.nodes)?.into_iter();
        let ports =
            std::iter::from_fn(|| Some(Ports { broker: free.next()?, controller: free.next()?, sasl: free.next()? }));
        let mut cluster = Self { running: (0..spec.nodes).map(|_| None).collect(), ports: ports.collect(), spec };
        cluster.write_settings()?;
        cluster.format(on_start)?;
        for id in 1..=cluster.spec.nodes {
            cluster.spawn(id, on_start)?;
        }
        cluster.wait_until_ready()?;
        Ok(cluster)
    }

    /// `host:port` of every broker, for clients.
    pub fn bootstrap_servers(&self) -> String {
        self.addresses(|ports| ports.broker)
    }

    /// The same for clients with a password; of use only with [`ClusterSpec::sasl`].
    pub fn sasl_bootstrap_servers(&self) -> String {
        self.addresses(|ports| ports.sasl)
    }

    /// How many nodes the cluster has, stopped ones included.
    pub fn nodes(&self) -> usize {
        self.spec.nodes
    }

    /// The process of a node (counted from 1), unless it was stopped.
    pub fn node(&self, id: usize) -> Option<&Running> {
        self.running.get(id.checked_sub(1)?)?.as_ref()
    }

    /// Kills a node (counted from 1) as a crash would.
    pub fn kill(&mut self, id: usize) {
        if let Some(mut running) = self.take(id) {
            running.kill();
        }
    }

    /// Stops a node (counted from 1) in good order.
    pub fn stop(&mut self, id: usize) {
        if let Some(mut running) = self.take(id) {
            running.stop_with(Ask::Terminate, GRACE);
        }
    }

    /// Starts a stopped node again, with the same data on the same port, and waits until it works.
    pub fn restart(&mut self, id: usize) -> Result<()> {
        self.kill(id);
        self.spawn(id, &mut run::unrecorded)?;
        self.wait_until_ready()
    }

    /// Lets all nodes go on when this program ends. Somebody else has them on record.
    pub fn detach(mut self) {
        self.running.drain(..).flatten().for_each(Running::detach);
    }

    /// Waits until every node that is not stopped works and knows all that do.
    pub fn wait_until_ready(&mut self) -> Result<()> {
        let deadline = Deadline::after(READY_LIMIT);
        let ids: Vec<usize> = (1..=self.spec.nodes).filter(|&id| self.node(id).is_some()).collect();
        let mut wanted: Vec<u16> = ids.iter().filter_map(|id| Some(self.ports.get(id - 1)?.broker)).collect();
        wanted.sort_unstable();
        for id in ids {
            while !self.is_ready(id, &wanted)? {
                if deadline.passed() {
                    let log = run::last_lines(&read(&self.spec.log(id)), 15);
                    let limit = READY_LIMIT.as_secs();
                    return Err(Error::failure(format!("Kafka node {id} is not ready after {limit} s:\n{log}")));
                }
                interrupt::pause(LOOK_AGAIN)?;
            }
        }
        Ok(())
    }

    fn is_ready(&mut self, id: usize, wanted: &[u16]) -> Result<bool> {
        let log = read(&self.spec.log(id));
        let node = self.running.get_mut(id - 1).and_then(Option::as_mut);
        if let Some(status) = node.and_then(Running::exited) {
            let taken = if log.contains(PORT_TAKEN) { PORT_TAKEN } else { "" };
            let log = run::last_lines(&log, 15);
            return Err(Error::failure(format!("Kafka node {id} ended ({status}). {taken}\n{log}")));
        }
        let Some(ports) = self.ports.get(id - 1) else { return Ok(false) };
        // A broker that was killed a moment ago may still be named by the others for a few seconds.
        let names_all = |known: Vec<u16>| wanted.iter().all(|port| known.contains(port));
        Ok(log.contains(STARTED) && metadata::brokers(ports.broker).is_ok_and(names_all))
    }

    fn addresses(&self, port: impl Fn(&Ports) -> u16) -> String {
        self.ports.iter().map(|ports| format!("127.0.0.1:{}", port(ports))).collect::<Vec<_>>().join(",")
    }

    fn take(&mut self, id: usize) -> Option<Running> {
        self.running.get_mut(id.checked_sub(1)?)?.take()
    }

    fn write_settings(&self) -> Result<()> {
        let write = |path: PathBuf, text: &str| {
            fs::write(&path, text).map_err(|error| Error::io("cannot write", &path, &error))
        };
        write(self.spec.dir.join("log4j2.properties"), properties::LOGGING)?;
        for id in 1..=self.spec.nodes {
            let data = self.spec.node_dir(id);
            let has_sasl = self.spec.sasl.is_some();
            let node = Node { id, ports: &self.ports, data: &data, has_sasl, extra: &self.spec.extra };
            write(self.spec.settings(id), &properties::render(&node).unwrap_or_default())?;
        }
        Ok(())
    }

    /// Prepares the folders of all nodes that have none, all at once: most of it is Java starting.
    fn format(&self, on_start: OnStart<'_>) -> Result<()> {
        let cluster_id = cluster_id();
        let mut formatting = Vec::new();
        for id in 1..=self.spec.nodes {
            if self.spec.node_dir(id).join("meta.properties").exists() {
                continue;
            }
            let mut java = self.java("64m")?;
            java.args(["kafka.tools.StorageTool", "format", "-t", &cluster_id, "-c"]).arg(self.spec.settings(id));
            if let Some(Sasl { user, password }) = &self.spec.sasl {
                java.args(["--add-scram", &format!("SCRAM-SHA-256=[name={user},password={password}]")]);
            }
            let running = self.start_logged("format", id, &mut java, Ask::Kill)?;
            on_start(&running)?;
            formatting.push((id, running));
        }
        let deadline = Deadline::after(FORMAT_LIMIT);
        for (id, mut running) in formatting {
            loop {
                if let Some(status) = running.exited() {
                    let log = read(&self.spec.log(id));
                    run::expect_success("Kafka's StorageTool", status, &log)?;
                    break;
                }
                if deadline.passed() {
                    return Err(Error::failure("Kafka's StorageTool does not end"));
                }
                interrupt::pause(LOOK_AGAIN)?;
            }
        }
        Ok(())
    }

    fn spawn(&mut self, id: usize, on_start: OnStart<'_>) -> Result<()> {
        let mut java = self.java("384m")?;
        java.arg("kafka.Kafka").arg(self.spec.settings(id));
        let running = self.start_logged(&format!("kafka-{id}"), id, &mut java, self.spec.ask)?;
        on_start(&running)?;
        if let Some(place) = self.running.get_mut(id - 1) {
            *place = Some(running);
        }
        Ok(())
    }

    fn java(&self, heap: &str) -> Result<Command> {
        let java = paths::java().ok_or_else(|| Error::unavailable("there is no java on the PATH"))?;
        let mut command = Command::new(java);
        command.current_dir(&self.spec.dir);
        // What makes a small server quick to start; its speed at its best does not matter here.
        command.args(["-Xms64m", &format!("-Xmx{heap}"), "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]);
        // No files in /tmp for tools that look at it.
        command.arg("-XX:-UsePerfData");
        command.arg(format!("-Dlog4j2.configurationFile={}", self.spec.dir.join("log4j2.properties").display()));
        command.arg("-cp").arg(self.spec.libs.join("*"));
        Ok(command)
    }

    /// The log begins anew with every start, so that what is found in it was said by this process.
    fn start_logged(&self, name: &str, id: usize, command: &mut Command, ask: Ask) -> Result<Running> {
        let path = self.spec.log(id);
        let log = File::create(&path).and_then(|log| Ok((log.try_clone()?, log)));
        let (copy, log) = log.map_err(|error| Error::io("cannot write", &path, &error))?;
        command.stdin(Stdio::null()).stdout(copy).stderr(log);
        Running::spawn(name, command, self.spec.scope, ask, GRACE)
    }
}

/// 16 bytes in base64, as Kafka wants them: 22 characters, of which the last has only two bits.
fn cluster_id() -> String {
    const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let letter =
        |_| LETTERS.get(usize::try_from(ports::random() % 62).unwrap_or(0)).map_or('A', |&byte| char::from(byte));
    (0..21).map(letter).chain(['A']).collect()
}

/// The text of a log; empty if there is none yet.
fn read(path: &Path) -> String {
    fs::read(path).map_or_else(|_| String::new(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cluster_ids_have_22_letters_and_differ() {
        let id = cluster_id();
        assert_eq!(id.len(), 22);
        assert!(id.chars().all(|letter| letter.is_ascii_alphanumeric()));
        assert_ne!(id, cluster_id());
    }
}
