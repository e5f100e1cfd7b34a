//! The programs that are needed, and how to get them: Debian's packages, and two components of Rust.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use nix::unistd::Uid;

use crate::{Error, Result, kafka, paths, postgres, run, say};

const INSTALL_LIMIT: Duration = Duration::from_secs(1800);
const QUESTION_LIMIT: Duration = Duration::from_secs(60);
/// The oldest Java that Apache Kafka's brokers run on.
const JAVA_OLDEST: u32 = 17;

/// What the tools are needed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum For {
    /// To run Apache Kafka and PostgreSQL.
    Services,
    /// To build the project and to run all its tests.
    Tests,
}

struct Tool {
    /// Debian's package; one that is needed for its files only, too.
    package: &'static str,
    wanted_for: For,
    is_there: fn() -> bool,
}

const TOOLS: [Tool; 10] = [
    Tool { package: "default-jre-headless", wanted_for: For::Services, is_there: has_java },
    Tool { package: "maven", wanted_for: For::Services, is_there: has_maven_or_jars },
    Tool { package: "postgresql", wanted_for: For::Services, is_there: || postgres::find_bin().is_some() },
    Tool { package: "pkg-config", wanted_for: For::Tests, is_there: || paths::find("pkg-config").is_some() },
    Tool { package: "libssl-dev", wanted_for: For::Tests, is_there: has_openssl },
    Tool { package: "openssl", wanted_for: For::Tests, is_there: || paths::find("openssl").is_some() },
    Tool { package: "gcc", wanted_for: For::Tests, is_there: || paths::find("gcc").is_some() },
    Tool { package: "g++", wanted_for: For::Tests, is_there: || paths::find("g++").is_some() },
    Tool { package: "make", wanted_for: For::Tests, is_there: || paths::find("make").is_some() },
    Tool { package: "kcat", wanted_for: For::Tests, is_there: || paths::find("kcat").is_some() },
];

/// Fails, with the command that helps, unless everything is there.
pub fn require(purpose: For) -> Result<()> {
    match missing(purpose).as_slice() {
        [] => Ok(()),
        packages => Err(how_to_get(packages)),
    }
}

/// Installs what is missing, after saying so; with `is_allowed` false it fails instead.
pub fn ensure(purpose: For, is_allowed: bool) -> Result<()> {
    ensure_components(is_allowed)?;
    let packages = missing(purpose);
    if packages.is_empty() {
        return Ok(());
    }
    if !is_allowed || paths::find("apt-get").is_none() {
        return Err(how_to_get(&packages));
    }
    say::note(format!("missing: {}; installing them with apt-get", packages.join(" ")));
    apt_get(&["update"])?;
    let mut install = vec!["install", "--yes", "--no-install-recommends"];
    install.extend(&packages);
    apt_get(&install)?;
    require(purpose)
}

fn missing(purpose: For) -> Vec<&'static str> {
    let wanted = |tool: &&Tool| purpose == For::Tests || tool.wanted_for == purpose;
    TOOLS.iter().filter(wanted).filter(|tool| !(tool.is_there)()).map(|tool| tool.package).collect()
}

fn how_to_get(packages: &[&str]) -> Error {
    let packages = packages.join(" ");
    Error::unavailable(format!(
        "missing: {packages}. On Debian:\n    sudo apt-get update && sudo apt-get install --no-install-recommends {packages}"
    ))
}

fn apt_get(arguments: &[&str]) -> Result<()> {
    let mut command = if Uid::effective().is_root() {
        Command::new("env")
    } else if paths::find("sudo").is_some() {
        let mut sudo = Command::new("sudo");
        sudo.arg("env");
        sudo
    } else {
        return Err(Error::unavailable(format!("apt-get {} has to be run by root", arguments.join(" "))));
    };
    command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet"]).args(arguments);
    let status = run::at_terminal("apt-get", &mut command, INSTALL_LIMIT)?;
    if status.success() {
        return Ok(());
    }
    Err(Error::unavailable(format!("apt-get {} failed ({status})", arguments.join(" "))))
}

/// rustfmt and clippy come with Rust, unless its minimal profile was installed.
fn ensure_components(is_allowed: bool) -> Result<()> {
    for (component, subcommand) in [("rustfmt", "fmt"), ("clippy", "clippy")] {
        if answers(paths::cargo().args([subcommand, "--version"])).is_some() {
            continue;
        }
        if !is_allowed || paths::find("rustup").is_none() {
            return Err(Error::unavailable(format!(
                "missing: {component}. With rustup: rustup component add {component}"
            )));
        }
        say::note(format!("missing: {component}; installing it with rustup"));
        let mut rustup = Command::new("rustup");
        rustup.args(["component", "add", component]);
        if !run::at_terminal("rustup", &mut rustup, INSTALL_LIMIT)?.success() {
            return Err(Error::unavailable(format!("rustup could not add {component}")));
        }
    }
    Ok(())
}

fn has_java() -> bool {
    let said = paths::java().and_then(|java| answers(Command::new(java).arg("-version")));
    said.and_then(|said| java_version(&said)).is_some_and(|version| version >= JAVA_OLDEST)
}

/// The major version out of `openjdk version "17.0.15" …`.
fn java_version(said: &str) -> Option<u32> {
    let version = said.split_once("version \"")?.1;
    version.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
}

fn has_maven_or_jars() -> bool {
    paths::find("mvn").is_some() || kafka::is_cached(&paths::services())
}

fn has_openssl() -> bool {
    Path::new("/usr/include/openssl/ssl.h").is_file()
        || answers(Command::new("pkg-config").args(["--exists", "openssl"])).is_some()
}

/// What a program says if it ends well.
fn answers(command: &mut Command) -> Option<String> {
    let (status, said) = run::quietly("a look at the tools", command, QUESTION_LIMIT, &mut run::unrecorded).ok()?;
    status.success().then_some(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn javas_of_all_ages_tell_their_version() {
        assert_eq!(java_version("openjdk version \"17.0.15\" 2025-04-15\nOpenJDK …"), Some(17));
        assert_eq!(java_version("Picked up …\njava version \"1.8.0_292\""), Some(1));
        assert_eq!(java_version("openjdk version \"21\" 2023-09-19"), Some(21));
        assert_eq!(java_version("no java here"), None);
    }

    #[test]
    fn what_is_missing_comes_with_the_command_that_helps() {
        let error = how_to_get(&["maven", "kcat"]);
        assert_eq!(error.exit(), 69);
        assert!(error.to_string().contains("apt-get install --no-install-recommends maven kcat"));
    }

    #[test]
    fn a_program_that_fails_answers_nothing() {
        assert_eq!(answers(&mut Command::new("false")), None);
        assert_eq!(answers(Command::new("echo").arg("yes")).as_deref(), Some("yes\n"));
    }
}
