//! The jars of Apache Kafka, fetched once from Maven Central and kept under the target folder.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::run::OnStart;
use crate::{Error, Result, run, say};

/// The version of Apache Kafka that everything here is tried with.
pub const VERSION: &str = "4.3.1";

const FETCH_LIMIT: Duration = Duration::from_secs(600);
const ATTEMPTS: u32 = 2;

/// What Maven is to fetch: the broker, its console programs, and a logger, without which the broker is mute.
const ARTIFACTS: [(&str, &str, &str); 3] = [
    ("org.apache.kafka", "kafka_2.13", VERSION),
    ("org.apache.kafka", "kafka-tools", VERSION),
    ("org.apache.logging.log4j", "log4j-slf4j-impl", "2.25.4"),
];

/// Whether `cache` holds the jars.
pub fn is_cached(cache: &Path) -> bool {
    folder(cache).join("kafka-libs").is_dir()
        && fs::read_to_string(folder(cache).join("pom.xml")).is_ok_and(|it| it == pom())
}

/// The folder of the jars, fetched into `cache` unless they are there. Two that fetch at once wait for each other.
pub fn ensure(cache: &Path, on_start: OnStart<'_>) -> Result<PathBuf> {
    let folder = folder(cache);
    let libs = folder.join("kafka-libs");
    fs::create_dir_all(&folder).map_err(|error| Error::io("cannot create", &folder, &error))?;
    let lock = folder.join("lock");
    let held = File::create(&lock).map_err(|error| Error::io("cannot create", &lock, &error))?;
    held.lock().map_err(|error| Error::io("cannot lock", &lock, &error))?;
    if is_cached(cache) {
        return Ok(libs);
    }
    say::note(format!("fetching Apache Kafka {VERSION} from Maven Central into {}", folder.display()));
    // The pom is written last under its real name: it marks the folder as complete.
    let partial = folder.join("partial");
    for old in [&libs, &partial] {
        if old.exists() {
            fs::remove_dir_all(old).map_err(|error| Error::io("cannot remove", old, &error))?;
        }
    }
    let request = folder.join("request.xml");
    fs::write(&request, pom()).map_err(|error| Error::io("cannot write", &request, &error))?;
    fetch(&request, &partial, on_start)?;
    fs::rename(&partial, &libs).map_err(|error| Error::io("cannot rename", &partial, &error))?;
    let marker = folder.join("pom.xml");
    fs::rename(&request, &marker).map_err(|error| Error::io("cannot rename", &request, &error))?;
    Ok(libs)
}

fn folder(cache: &Path) -> PathBuf {
    cache.join(format!("kafka-{VERSION}"))
}

fn fetch(pom: &Path, into: &Path, on_start: OnStart<'_>) -> Result<()> {
    let mut last = String::new();
    for _ in 0..ATTEMPTS {
        let mut maven = Command::new("mvn");
        maven.args(["--quiet", "--batch-mode", "--file"]).arg(pom);
        maven.arg("dependency:copy-dependencies").arg(format!("-DoutputDirectory={}", into.display()));
        let (status, said) = run::quietly("mvn", &mut maven, FETCH_LIMIT, on_start)?;
        if status.success() && into.join(format!("kafka_2.13-{VERSION}.jar")).is_file() {
            return Ok(());
        }
        last = said;
    }
    Err(Error::unavailable(format!(
        "Maven could not fetch Apache Kafka {VERSION}. It needs https://repo.maven.apache.org, or a mirror that \
         ~/.m2/settings.xml names. Its last words:\n{}",
        run::last_lines(&last, 15)
    )))
}

fn pom() -> String {
    let dependencies: String = ARTIFACTS
        .iter()
        .map(|(group, artifact, version)| {
            format!(
                "    <dependency>\n      <groupId>{group}</groupId>\n      <artifactId>{artifact}</artifactId>\n      \
                 <version>{version}</version>\n    </dependency>\n"
            )
        })
        .collect();
    format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\">\n  <modelVersion>4.0.0</modelVersion>\n  \
         <groupId>worldtick</groupId>\n  <artifactId>services</artifactId>\n  <version>1</version>\n  \
         <packaging>pom</packaging>\n  <dependencies>\n{dependencies}  </dependencies>\n  <build>\n    <plugins>\n      \
         <plugin>\n        <artifactId>maven-dependency-plugin</artifactId>\n        <version>3.8.1</version>\n      \
         </plugin>\n    </plugins>\n  </build>\n</project>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pom_asks_for_each_artifact_once_and_closes_what_it_opens() {
        let pom = pom();
        for (_, artifact, version) in ARTIFACTS {
            assert_eq!(pom.matches(&format!("<artifactId>{artifact}</artifactId>")).count(), 1);
            assert!(pom.contains(&format!("<version>{version}</version>")));
        }
        for tag in ["project", "dependencies", "dependency", "build", "plugins", "plugin"] {
            let opened = pom.matches(&format!("<{tag}>")).count() + pom.matches(&format!("<{tag} ")).count();
            assert_eq!(opened, pom.matches(&format!("</{tag}>")).count(), "{tag}");
        }
    }

    #[test]
    fn an_empty_cache_holds_nothing() {
        assert!(!is_cached(Path::new("/no/such/folder")));
    }
}
