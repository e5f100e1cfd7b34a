//! A node of Apache Kafka of a test's own, with passwords and permissions: for what a shared cluster cannot show.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use uuid::Uuid;

use super::wait_for;

/// How often a node is begun anew that ended instead of starting.
const STARTS_MAX: u32 = 3;

/// A node that ends with the test.
pub struct PrivateKafka {
    child: Option<Child>,
    class_path: String,
    folder: tempfile::TempDir,
    /// Without a password; whoever comes this way may do everything.
    pub plain: String,
    /// With SCRAM-SHA-512: user `sim`, password `right`.
    pub sasl: String,
    /// As the test wants it; nobody listens there unless it was asked for.
    pub further: String,
}

/// A listener beyond those that every node has. Its properties are set under `listener.name.further`.
pub struct FurtherListener {
    /// Kafka's name of the protocol.
    pub protocol: &'static str,
    /// Name and value of each property.
    pub properties: Vec<(String, String)>,
    /// SCRAM users, as Kafka's storage tool takes them.
    pub users: Vec<String>,
}

impl PrivateKafka {
    /// Starts one where `WORLDTICK_TEST_KAFKA_LIBS` names a folder with Kafka's jars. Where services are required it
    /// must.
    pub fn start() -> Option<Self> {
        let mut failed = String::new();
        for _ in 0..STARTS_MAX {
            let mut kafka = Self::prepare()?;
            match kafka.try_run() {
                Ok(()) => return Some(kafka),
                // Somebody else may have taken one of its ports in between.
                Err(error) => failed = error,
            }
        }
        panic!("{failed}");
    }

    /// One that has its ports and does not run yet.
    pub fn prepare() -> Option<Self> {
        Self::prepare_with(None)
    }

    /// One that will have another listener, too.
    pub fn prepare_with(further: Option<&FurtherListener>) -> Option<Self> {
        let required = ["CI", "WORLDTICK_TEST_REQUIRE_SERVICES"].iter().any(|name| std::env::var_os(name).is_some());
        let libs = std::env::var("WORLDTICK_TEST_KAFKA_LIBS").ok().filter(|libs| !libs.is_empty());
        assert!(libs.is_some() || !required, "WORLDTICK_TEST_KAFKA_LIBS must name a folder with Kafka's jars here");
        let class_path = format!("{}/*", libs?);
        let folder = tempfile::tempdir().expect("folder");
        let [plain, sasl, controller, beyond] = free_ports();
        let properties = folder.path().join("server.properties");
        let mut text = configuration(folder.path().join("data"), plain, sasl, controller);
        if let Some(listener) = further {
            text = with_listener(&text, listener, beyond);
        }
        fs::write(&properties, text).expect("written");
        fs::write(folder.path().join("log4j2.xml"), LOGGING).expect("written");
        let formatted = Command::new("java")
            .args(["-cp", &class_path, "kafka.tools.StorageTool", "format", "-t", "d29ybGR0aWNrLXRlc3QtMQ", "-c"])
            .arg(&properties)
            .args(["--add-scram", "SCRAM-SHA-512=[name=sim,password=right]"])
            .args(further.iter().flat_map(|listener| &listener.users).flat_map(|user| ["--add-scram", user.as_str()]))
            .output()
            .expect("java runs");
        assert!(formatted.status.success(), "{}", String::from_utf8_lossy(&formatted.stderr));
        Some(Self {
            child: None,
            class_path,
            plain: format!("127.0.0.1:{plain}"),
            sasl: format!("127.0.0.1:{sasl}"),
            further: format!("127.0.0.1:{beyond}"),
            folder,
        })
    }

    /// Runs it, for the first time or again.
    pub fn run(&mut self) {
        self.try_run().expect("Kafka starts");
    }

    /// Why it ended instead of starting, if it did.
    fn try_run(&mut self) -> Result<(), String> {
        let log = self.folder.path().join("kafka.log");
        let child = Command::new("java")
            .args(["-Xms64m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"])
            .arg(format!("-Dlog4j2.configurationFile={}", self.folder.path().join("log4j2.xml").display()))
            .args(["-cp", &self.class_path, "kafka.Kafka"])
            .arg(self.folder.path().join("server.properties"))
            .stdout(fs::File::create(&log).expect("log"))
            .stderr(Stdio::null())
            .spawn()
            .expect("java runs");
        let told = || fs::read_to_string(&log).unwrap_or_default();
        let child = self.child.insert(child);
        wait_for("Kafka starts", || {
            if told().contains("Kafka Server started") {
                return Some(Ok(()));
            }
            let ended = child.try_wait().expect("its state");
            ended.map(|status| Err(format!("Kafka ended with {status}:\n{}", told())))
        })
    }

    /// Ends it in good order.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            Command::new("kill").arg(child.id().to_string()).status().expect("told");
            child.wait().expect("gone");
        }
    }

    /// Ends it at once.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("told");
            child.wait().expect("gone");
        }
    }

    /// The log file of a partition.
    pub fn segment(&self, topic: &str, partition: i32) -> PathBuf {
        self.folder.path().join(format!("data/{topic}-{partition}/00000000000000000000.log"))
    }
}

impl Drop for PrivateKafka {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Below what Linux hands out for outgoing connections, so that none of those takes the port of a node that is away.
fn free_ports() -> [u16; 4] {
    let listeners = [(); 4].map(|()| {
        let candidates =
            std::iter::repeat_with(|| 15_000 + u16::try_from(Uuid::new_v4().as_u128() % 17_000).expect("small"));
        candidates.take(1_000).find_map(|port| TcpListener::bind(("127.0.0.1", port)).ok()).expect("a free port")
    });
    listeners.map(|listener| listener.local_addr().expect("address").port())
}

fn configuration(data: PathBuf, plain: u16, sasl: u16, controller: u16) -> String {
    format!(
        "process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{plain},SASL://127.0.0.1:{sasl},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{plain},SASL://127.0.0.1:{sasl}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL:SASL_PLAINTEXT
inter.broker.listener.name=PLAINTEXT
log.dirs={}
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
offsets.topic.num.partitions=2
transaction.state.log.num.partitions=2
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.sasl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
allow.everyone.if.no.acl.found=true
",
        data.display()
    )
}

fn with_listener(configuration: &str, listener: &FurtherListener, port: u16) -> String {
    let mut text = String::new();
    for line in configuration.lines() {
        text.push_str(line);
        match line.split_once('=').map(|(name, _)| name) {
            Some("listeners" | "advertised.listeners") => text.push_str(&format!(",FURTHER://127.0.0.1:{port}")),
            Some("listener.security.protocol.map") => text.push_str(&format!(",FURTHER:{}", listener.protocol)),
            _ => {}
        }
        text.push('\n');
    }
    for (name, value) in &listener.properties {
        text.push_str(&format!("listener.name.further.{name}={value}\n"));
    }
    text
}

const LOGGING: &str = "<Configuration><Appenders><Console name=\"out\"><PatternLayout pattern=\"%d %p %m%n\"/></Console></Appenders><Loggers><Root level=\"INFO\"><AppenderRef ref=\"out\"/></Root></Loggers></Configuration>";
