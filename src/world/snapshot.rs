//! The form in which a world is saved: a header, then postcard under zstd.
//!
//! ```text
//! magic "WTSNAP" · format u16 · checksum u64 (XXH3-64 of the rest) · zstd( postcard(Snapshot) )
//! ```

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_64;

use super::hash::{StateHash, hash_bytes};
use crate::components::ids::WorldId;

const MAGIC: &[u8; 6] = b"WTSNAP";
const FORMAT: u16 = 1;
const HEADER_LENGTH: usize = MAGIC.len() + 2 + 8;
const COMPRESSION_LEVEL: i32 = 3;
/// No snapshot is larger than this when unpacked: a damaged length cannot exhaust the memory.
const UNPACKED_BYTES_MAX: usize = 8 << 30;

/// A saved world.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Snapshot {
    pub(crate) world_id: WorldId,
    pub(crate) incarnation: Uuid,
    pub(crate) simulation_version: String,
    pub(crate) hash: StateHash,
    pub(crate) columns: Vec<SavedColumn>,
}

/// All values of one registered component or resource.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SavedColumn {
    pub(crate) name: String,
    pub(crate) version: u32,
    #[serde(with = "rows")]
    pub(crate) rows: Vec<(u64, Vec<u8>)>,
}

/// Values as bytes, and not as lists of numbers that happen to be bytes: they stand there alike, but are copied at once.
mod rows {
    use std::fmt;

    use serde::de::{Error, Visitor};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    struct Bytes<T>(T);

    impl Serialize for Bytes<&[u8]> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_bytes(self.0)
        }
    }

    impl<'de> Deserialize<'de> for Bytes<Vec<u8>> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Copied;

            impl Visitor<'_> for Copied {
                type Value = Vec<u8>;

                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("bytes")
                }

                fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
                    Ok(bytes.to_vec())
                }
            }

            deserializer.deserialize_bytes(Copied).map(Bytes)
        }
    }

    pub(super) fn serialize<S: Serializer>(rows: &[(u64, Vec<u8>)], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(rows.iter().map(|(id, bytes)| (id, Bytes(&**bytes))))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(u64, Vec<u8>)>, D::Error> {
        let rows = Vec::<(u64, Bytes<Vec<u8>>)>::deserialize(deserializer)?;
        Ok(rows.into_iter().map(|(id, bytes)| (id, bytes.0)).collect())
    }
}

impl Snapshot {
    /// The state hash of what it holds, whether or not this program could still read it.
    pub(crate) fn rows_hash(&self) -> StateHash {
        let rows = |column: &SavedColumn| {
            column.rows.iter().fold(0_u64, |sum, (id, bytes)| sum.wrapping_add(hash_bytes(&column.name, *id, bytes)))
        };
        StateHash(self.columns.iter().fold(0, |sum, column| sum.wrapping_add(rows(column))))
    }

    pub(crate) fn pack(&self) -> Result<Vec<u8>, String> {
        let plain = postcard::to_stdvec(self).map_err(|error| error.to_string())?;
        let packed = zstd::bulk::compress(&plain, COMPRESSION_LEVEL).map_err(|error| error.to_string())?;
        let mut bytes = Vec::with_capacity(HEADER_LENGTH + 8 + packed.len());
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&FORMAT.to_le_bytes());
        bytes.extend_from_slice(&[0; 8]);
        bytes.extend_from_slice(&(plain.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&packed);
        let checksum = xxh3_64(&bytes[HEADER_LENGTH..]);
        bytes[HEADER_LENGTH - 8..HEADER_LENGTH].copy_from_slice(&checksum.to_le_bytes());
        Ok(bytes)
    }

    pub(crate) fn unpack(bytes: &[u8]) -> Result<Self, String> {
        let (header, body) = bytes.split_at_checked(HEADER_LENGTH).ok_or("it is shorter than a header")?;
        if !header.starts_with(MAGIC) {
            return Err("it does not begin as a snapshot does".into());
        }
        let format = u16::from_le_bytes([header[6], header[7]]);
        if format != FORMAT {
            return Err(format!("it has format {format}; this program reads {FORMAT}"));
        }
        if header[8..16] != xxh3_64(body).to_le_bytes() {
            return Err("its checksum does not match: it is damaged".into());
        }
        let (length, packed) = body.split_first_chunk::<8>().ok_or("it ends after its header")?;
        let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|error| error.to_string())?;
        if length > UNPACKED_BYTES_MAX {
            return Err(format!("it says that it unpacks to {length} bytes, more than {UNPACKED_BYTES_MAX}"));
        }
        let plain = zstd::bulk::decompress(packed, length).map_err(|error| error.to_string())?;
        postcard::from_bytes(&plain).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot() -> Snapshot {
        Snapshot {
            world_id: WorldId::new("w").expect("an id"),
            incarnation: Uuid::from_u128(1),
            simulation_version: "0".into(),
            hash: StateHash(7),
            columns: vec![SavedColumn { name: "c".into(), version: 1, rows: vec![(1, vec![2, 3])] }],
        }
    }

    #[test]
    fn a_snapshot_comes_back() {
        let back = Snapshot::unpack(&snapshot().pack().expect("packs")).expect("unpacks");
        assert_eq!(back.columns[0].rows, vec![(1, vec![2, 3])]);
        assert_eq!(back.hash, StateHash(7));
    }

    #[test]
    fn values_stand_there_as_lists_of_numbers_do() {
        #[derive(Serialize)]
        struct AsLists {
            name: String,
            version: u32,
            rows: Vec<(u64, Vec<u8>)>,
        }
        let rows = vec![(1, vec![0x80; 300]), (u64::MAX, vec![]), (3, vec![1, 2])];
        let column = SavedColumn { name: "c".into(), version: 7, rows: rows.clone() };
        let lists = AsLists { name: "c".into(), version: 7, rows };
        assert_eq!(postcard::to_stdvec(&column).expect("bytes"), postcard::to_stdvec(&lists).expect("bytes"));
    }

    #[test]
    fn damage_is_noticed_wherever_it_is() {
        let good = snapshot().pack().expect("packs");
        for index in 0..good.len() {
            let mut bad = good.clone();
            bad[index] ^= 0x40;
            assert!(Snapshot::unpack(&bad).is_err(), "byte {index}");
            assert!(Snapshot::unpack(&good[..index]).is_err(), "cut at {index}");
        }
    }
}
