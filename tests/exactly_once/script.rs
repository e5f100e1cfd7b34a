//! Which ticks are sent, and which each world must therefore run, in which order. The same for the same seed.

use uuid::Uuid;
use worldtick::components::clock::{GameInstant, MICROS_PER_HOUR};
use worldtick::components::ids::WorldId;
use worldtick::messages::{TickInput, TickMessage, TickType};

/// Partitions of the hourly topic, and as many worlds: world `n` is sent its ticks on partition `n`.
pub const PARTITIONS: usize = 3;
const WORLDS: [&str; PARTITIONS] = ["alpha", "beta", "gamma"];
/// A repetition is one of the last so many ticks.
const REPEATED_FROM: usize = 40;
/// Of a hundred records so many repeat an earlier tick: more than a fifth, whatever is drawn.
const REPEATS_PERCENT: u64 = 23;

/// Numbers that look random (splitmix64).
#[derive(Debug, Clone)]
pub struct Numbers(u64);

impl Numbers {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut number = self.0;
        number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (number ^ (number >> 31)) % limit.max(1)
    }
}

/// A record to send.
#[derive(Debug, Clone)]
pub struct Record {
    pub partition: usize,
    pub key: String,
    pub value: Vec<u8>,
}

/// Makes records, and keeps what they must lead to.
#[derive(Debug, Clone)]
pub struct Script {
    numbers: Numbers,
    /// The next game hour of each world.
    hours: [i64; PARTITIONS],
    /// What each world must run, in order.
    expected: [Vec<TickInput>; PARTITIONS],
    /// All ticks for everybody so far, to repeat one.
    to_all: Vec<TickInput>,
    ticks: usize,
    repeats: usize,
}

impl Script {
    pub fn new(seed: u64) -> Self {
        Self {
            numbers: Numbers::new(seed),
            hours: [0; PARTITIONS],
            expected: Default::default(),
            to_all: Vec::new(),
            ticks: 0,
            repeats: 0,
        }
    }

    /// The names of the worlds.
    pub fn worlds() -> [&'static str; PARTITIONS] {
        WORLDS
    }

    /// What a world must run, in order.
    pub fn expected(&self, world: usize) -> &[TickInput] {
        &self.expected[world]
    }

    /// What every world must run.
    pub fn sent_to_all(&self) -> &[TickInput] {
        &self.to_all
    }

    /// Different ticks so far.
    pub fn ticks(&self) -> usize {
        self.ticks
    }

    /// Repetitions so far.
    pub fn repeats(&self) -> usize {
        self.repeats
    }

    /// A tick for all worlds on any partition, and perhaps a repetition of another one on another partition. Of use
    /// only before the first tick for a single world, and where all of it is there before it is read: then its order
    /// is that of game time.
    pub fn for_all(&mut self) -> Vec<Record> {
        let input = self.next_input(self.hours[0], "all");
        self.hours = self.hours.map(|hour| hour + 1);
        for expected in &mut self.expected {
            expected.push(input.clone());
        }
        self.to_all.push(input.clone());
        let mut records = vec![record(self.any_partition(), None, &input)];
        while self.numbers.below(100) < REPEATS_PERCENT {
            let input = pick(&mut self.numbers, &self.to_all);
            records.push(record(self.any_partition(), None, &input));
            self.repeats += 1;
        }
        records
    }

    /// A tick for one of the worlds, and perhaps repetitions of that world's ticks, all on its partition.
    pub fn for_one(&mut self) -> Vec<Record> {
        let world = self.any_partition();
        let input = self.next_input(self.hours[world], WORLDS[world]);
        self.hours[world] += 1;
        self.expected[world].push(input.clone());
        let mut records = vec![record(world, Some(WORLDS[world]), &input)];
        while self.numbers.below(100) < REPEATS_PERCENT {
            let input = pick(&mut self.numbers, &self.expected[world]);
            records.push(record(world, Some(WORLDS[world]), &input));
            self.repeats += 1;
        }
        records
    }

    fn any_partition(&mut self) -> usize {
        usize::try_from(self.numbers.below(PARTITIONS as u64)).unwrap()
    }

    fn next_input(&mut self, hour: i64, whom: &str) -> TickInput {
        self.ticks += 1;
        let name = format!("{whom}:{hour}");
        let start: GameInstant = "2077-01-01T00:00:00Z".parse().unwrap();
        TickInput {
            tick_id: Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()),
            tick_type: TickType::Hourly,
            game_time: start.checked_add_micros(hour * MICROS_PER_HOUR).unwrap(),
        }
    }
}

fn pick(numbers: &mut Numbers, ticks: &[TickInput]) -> TickInput {
    let recent = &ticks[ticks.len().saturating_sub(REPEATED_FROM)..];
    recent[usize::try_from(numbers.below(recent.len() as u64)).unwrap()].clone()
}

fn record(partition: usize, world: Option<&str>, input: &TickInput) -> Record {
    Record { partition, key: world.unwrap_or("all").to_owned(), value: message_of(world, input) }
}

/// The message that leads to this input, of one world or of all.
pub fn message_of(world: Option<&str>, input: &TickInput) -> Vec<u8> {
    let event_id = Uuid::new_v5(&input.tick_id, b"message");
    let made_at = jiff::Timestamp::UNIX_EPOCH;
    let mut message = TickMessage::new(input.tick_type, input.tick_id, event_id, input.game_time, made_at);
    message.world_id = world.map(|world| WorldId::new(world).unwrap());
    serde_json::to_vec(&message).unwrap()
}
