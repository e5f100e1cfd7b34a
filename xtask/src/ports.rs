//! Free ports on loopback, and the bit of randomness that picks them.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};

use crate::{Error, Result};

/// Below what Linux hands out for outgoing connections (32768 and up): a broker that is stopped for a while finds its
/// port still free when it comes back.
const LOWEST: u16 = 15_000;
const HIGHEST: u16 = 32_000;
const ATTEMPTS_MAX: u32 = 2_000;

/// `count` different ports of 127.0.0.1 on which nobody listens.
///
/// Another program may take one before it is used; who starts a service tries again with others.
pub fn free(count: usize) -> Result<Vec<u16>> {
    // All stay bound until all are found, so that they differ.
    let mut held = Vec::with_capacity(count);
    let mut ports = Vec::with_capacity(count);
    for _ in 0..ATTEMPTS_MAX {
        if ports.len() == count {
            break;
        }
        let port = in_range(random());
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            held.push(listener);
            ports.push(port);
        }
    }
    if ports.len() == count { Ok(ports) } else { Err(Error::failure("found no free port on 127.0.0.1")) }
}

fn in_range(random: u64) -> u16 {
    let offset = random % u64::from(HIGHEST - LOWEST);
    LOWEST + u16::try_from(offset).unwrap_or(0)
}

/// A number nobody else has drawn: for ports, names of folders and cluster ids; nothing here needs secrecy.
pub fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::time::{Duration, Instant};

    #[test]
    #[expect(clippy::disallowed_methods, reason = "how long another process may hold a port is real time")]
    fn ports_differ_are_in_range_and_can_be_listened_on() {
        let ports = free(6).unwrap();
        assert_eq!(ports.iter().collect::<BTreeSet<_>>().len(), 6);
        for port in ports {
            assert!((LOWEST..HIGHEST).contains(&port));
            // A child that another test is starting right now holds what was open here until it becomes its program.
            let begin = Instant::now();
            while let Err(error) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
                assert!(begin.elapsed() < Duration::from_secs(10), "{port}: {error}");
                std::thread::yield_now();
            }
        }
    }

    #[test]
    fn every_random_number_falls_into_the_range() {
        for number in [0, 1, u64::MAX, u64::MAX - 1, 16_999, 17_000, 17_001] {
            assert!((LOWEST..HIGHEST).contains(&in_range(number)));
        }
    }
}
