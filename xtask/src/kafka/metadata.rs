//! One question to a broker: who belongs to the cluster? A port that accepts is not yet a broker that works; one
//! that names all brokers is.
//!
//! This is the Metadata request, version 1, of Kafka's protocol: a length, a header, no topics.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(2);
const ANSWER_BYTES_MAX: u32 = 1 << 20;
const CORRELATION: i32 = 4711;
const CLIENT: &str = "xtask";

/// The ports of the brokers that the one on `port` knows of, in ascending order.
pub(super) fn brokers(port: u16) -> io::Result<Vec<u16>> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(&request())?;
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length);
    if length > ANSWER_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "not an answer of Kafka"));
    }
    let mut answer = vec![0; length as usize];
    stream.read_exact(&mut answer)?;
    parse(&answer).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "not an answer of Kafka"))
}

fn request() -> Vec<u8> {
    let mut body = Vec::new();
    body.extend(3_i16.to_be_bytes()); // the request: Metadata
    body.extend(1_i16.to_be_bytes()); // its version
    body.extend(CORRELATION.to_be_bytes());
    body.extend(u16::try_from(CLIENT.len()).unwrap_or(0).to_be_bytes());
    body.extend(CLIENT.as_bytes());
    body.extend(0_i32.to_be_bytes()); // of no topic
    let mut framed = u32::try_from(body.len()).unwrap_or(0).to_be_bytes().to_vec();
    framed.extend(body);
    framed
}

fn parse(answer: &[u8]) -> Option<Vec<u16>> {
    let mut rest = answer;
    if take::<4>(&mut rest).map(i32::from_be_bytes)? != CORRELATION {
        return None;
    }
    let count = take::<4>(&mut rest).map(i32::from_be_bytes)?;
    let mut ports = Vec::new();
    for _ in 0..count {
        take::<4>(&mut rest)?; // the node's id
        string(&mut rest)?; // its host
        let port = take::<4>(&mut rest).map(i32::from_be_bytes)?;
        string(&mut rest)?; // its rack
        ports.push(u16::try_from(port).ok()?);
    }
    ports.sort_unstable();
    Some(ports)
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk::<N>()?;
    *rest = tail;
    Some(*head)
}

/// Skips a string; −1 as its length stands for none.
fn string(rest: &mut &[u8]) -> Option<()> {
    let length = take::<2>(rest).map(i16::from_be_bytes)?;
    let length = if length == -1 { 0 } else { usize::try_from(length).ok()? };
    *rest = rest.get(length..)?;
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer() -> Vec<u8> {
        let mut bytes = CORRELATION.to_be_bytes().to_vec();
        bytes.extend(2_i32.to_be_bytes());
        for (id, port) in [(2_i32, 20_002_i32), (1, 20_001)] {
            bytes.extend(id.to_be_bytes());
            bytes.extend(9_i16.to_be_bytes());
            bytes.extend(b"127.0.0.1");
            bytes.extend(port.to_be_bytes());
            bytes.extend((-1_i16).to_be_bytes());
        }
        bytes.extend(1_i32.to_be_bytes()); // the controller
        bytes.extend(0_i32.to_be_bytes()); // topics
        bytes
    }

    #[test]
    fn the_answer_names_the_brokers_in_order() {
        assert_eq!(parse(&answer()), Some(vec![20_001, 20_002]));
    }

    #[test]
    fn a_broken_answer_is_refused_wherever_it_breaks() {
        let whole = answer();
        for end in 0..whole.len() - 8 {
            assert_eq!(parse(&whole[..end]), None, "cut at {end}");
        }
        let mut others = whole;
        others[3] ^= 1;
        assert_eq!(parse(&others), None);
    }

    #[test]
    fn the_request_carries_its_own_length() {
        let request = request();
        assert_eq!(usize::try_from(u32::from_be_bytes(request[..4].try_into().unwrap())).unwrap(), request.len() - 4);
    }

    #[test]
    fn nobody_answers_on_a_closed_port() {
        let port = crate::ports::free(1).unwrap()[0];
        assert!(brokers(port).is_err());
    }
}
