//! The preset `originals` against a plain reference, written here from the facts about the systems that worlds come from:
//! one agent after the other, in floats, with a stream of random numbers and every vendor looked at.

use crate::crowd_support::{assert_conserved, books, crowd, tallies, world};
use worldtick::components::crowd::{Doing, FULL, SectorTally};

const SEEDS: u64 = 30;
const AGENTS: usize = 100;
const SIDE: i32 = 50;
const DAYS: u32 = 10;
const STEPS: u32 = DAYS * 24;

/// Behaviours that are compared: idle, walk, on the way to food, bought, posted, without the money.
const KINDS: usize = 6;

/// What a run comes to.
#[derive(Debug, Clone, Default)]
struct Run {
    /// Share of each behaviour of all agents and steps.
    shares: [f64; KINDS],
    /// Mean hunger in the end, of 100.
    hunger: f64,
    /// Mean money in the end, of the 500 that one may begin with, in hundredths.
    money: f64,
    /// Meals of an agent and step.
    meals: f64,
    /// Money of a meal, in hundredths of 30.
    price: f64,
}

impl Run {
    /// Everything in percentage points.
    fn figures(&self) -> Vec<(String, f64)> {
        let names = ["idle", "walk", "seek", "buy", "post", "broke"];
        let shares = names.iter().zip(self.shares).map(|(name, share)| ((*name).to_owned(), share * 100.0));
        let rest = [
            ("hunger", self.hunger),
            ("money", self.money * 100.0 / 500.0),
            ("meals", self.meals * 100.0),
            ("price", self.price * 100.0 / 30.0),
        ];
        shares.chain(rest.map(|(name, value)| (name.to_owned(), value))).collect()
    }
}

/// A stream of random numbers: xorshift64* of Vigna.
struct Stream(u64);

impl Stream {
    fn unit(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    #[expect(clippy::cast_possible_truncation, reason = "small numbers")]
    fn below(&mut self, end: i32) -> i32 {
        (self.unit() * f64::from(end)) as i32
    }
}

struct Agent {
    place: (i32, i32),
    wealth: f64,
    hunger: f64,
    drive: f64,
}

/// One of the up to eight cells around.
fn stroll(place: (i32, i32), stream: &mut Stream) -> (i32, i32) {
    let around: Vec<(i32, i32)> = (-1..=1)
        .flat_map(|dx| (-1..=1).map(move |dy| (place.0 + dx, place.1 + dy)))
        .filter(|to| *to != place && (0..SIDE).contains(&to.0) && (0..SIDE).contains(&to.1))
        .collect();
    let one = usize::try_from(stream.below(i32::try_from(around.len()).expect("few"))).expect("positive");
    around[one]
}

/// A step of one agent: which of the behaviours it was, and what was paid.
fn live(agent: &mut Agent, vendors: &[(i32, i32)], stream: &mut Stream) -> (usize, f64) {
    agent.hunger = (agent.hunger + stream.between(1.0, 3.0)).min(100.0);
    agent.drive = (agent.drive + stream.between(-5.0, 5.0)).clamp(0.0, 100.0);
    if agent.hunger > 80.0 {
        let far = |vendor: &&(i32, i32)| (vendor.0 - agent.place.0).abs() + (vendor.1 - agent.place.1).abs();
        let nearest = *vendors.iter().min_by_key(far).expect("a vendor");
        if nearest != agent.place {
            let towards = |from: i32, to: i32| from + (to - from).signum();
            agent.place = (towards(agent.place.0, nearest.0), towards(agent.place.1, nearest.1));
            return (2, 0.0);
        }
        let (cost, relief) = (stream.between(10.0, 30.0), stream.between(40.0, 60.0));
        if agent.wealth < cost {
            agent.place = stroll(agent.place, stream);
            return (5, 0.0);
        }
        agent.wealth -= cost;
        agent.hunger = (agent.hunger - relief).max(0.0);
        return (3, cost);
    }
    if agent.drive > 70.0 && stream.unit() < 0.3 {
        agent.drive = (agent.drive - stream.between(20.0, 40.0)).max(0.0);
        return (4, 0.0);
    }
    if stream.unit() < 0.6 {
        agent.place = stroll(agent.place, stream);
        return (1, 0.0);
    }
    (0, 0.0)
}

fn reference(seed: u64) -> Run {
    let stream = &mut Stream(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let vendors: Vec<(i32, i32)> = (0..12).map(|_| (stream.below(SIDE), stream.below(SIDE))).collect();
    let mut agents: Vec<Agent> = (0..AGENTS)
        .map(|_| Agent {
            place: (stream.below(SIDE / 4), stream.below(SIDE / 4)),
            wealth: stream.between(50.0, 500.0),
            hunger: stream.between(0.0, 100.0),
            drive: stream.between(0.0, 100.0),
        })
        .collect();
    let (mut counts, mut paid) = ([0_u32; KINDS], 0.0);
    for _ in 0..STEPS {
        for agent in &mut agents {
            let (kind, cost) = live(agent, &vendors, stream);
            counts[kind] += 1;
            paid += cost;
        }
    }
    let all = f64::from(STEPS) * AGENTS as f64;
    let mean = |of: fn(&Agent) -> f64| agents.iter().map(of).sum::<f64>() / AGENTS as f64;
    Run {
        shares: counts.map(|count| f64::from(count) / all),
        hunger: mean(|agent| agent.hunger),
        money: mean(|agent| agent.wealth),
        meals: f64::from(counts[3]) / all,
        price: paid / f64::from(counts[3].max(1)),
    }
}

fn ours(seed: u64) -> Run {
    let mut world = world(seed, "{ rules: { preset: originals } }");
    let kinds = [Doing::Idle, Doing::Walk, Doing::Seek, Doing::BuyFood, Doing::Tweet, Doing::Broke];
    let (mut counts, mut agents, mut spent) = ([0_u64; KINDS], 0_u64, 0);
    for _ in 0..DAYS {
        world.days(1).expect("a day");
        let rows: &[SectorTally] = &tallies(&mut world).rows;
        for (count, kind) in counts.iter_mut().zip(kinds) {
            *count += rows.iter().map(|tally| u64::from(tally.count(kind))).sum::<u64>();
        }
        agents += rows.iter().map(|tally| u64::from(tally.agents())).sum::<u64>();
        spent += rows.iter().map(|tally| tally.spent).sum::<u64>();
    }
    assert_conserved(&mut world);
    assert_eq!(agents, u64::from(STEPS) * AGENTS as u64, "everybody does one thing in each step");
    assert_eq!(counts.iter().sum::<u64>(), agents, "and nothing else than these");
    let meals = books(&mut world).meals;
    assert_eq!(meals, counts[3]);
    let crowd = crowd(&mut world);
    let hunger: f64 = crowd.chunks.iter().flat_map(|chunk| &chunk.hunger).map(|hunger| f64::from(*hunger)).sum();
    Run {
        shares: counts.map(|count| count as f64 / agents as f64),
        hunger: hunger / f64::from(FULL) * 100.0 / AGENTS as f64,
        money: crowd.money() as f64 / 100.0 / AGENTS as f64,
        meals: meals as f64 / agents as f64,
        price: spent as f64 / 100.0 / meals as f64,
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn variance(values: &[f64]) -> f64 {
    let mean = mean(values);
    values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / (values.len() - 1) as f64
}

/// Welch's t of two samples.
fn welch(one: &[f64], other: &[f64]) -> f64 {
    let error = (variance(one) / one.len() as f64 + variance(other) / other.len() as f64).sqrt();
    (mean(one) - mean(other)) / error.max(1e-12)
}

/// The largest distance of two samples' distributions (Kolmogorov and Smirnov).
fn distance(one: &[f64], other: &[f64]) -> f64 {
    let share =
        |values: &[f64], at: f64| values.iter().filter(|value| **value <= at).count() as f64 / values.len() as f64;
    one.iter().chain(other).map(|at| (share(one, *at) - share(other, *at)).abs()).fold(0.0, f64::max)
}

#[test]
fn behaviours_hunger_money_and_purchases_are_those_of_the_originals() {
    let ours: Vec<_> = (1..=SEEDS).map(|seed| ours(seed).figures()).collect();
    let theirs: Vec<_> = (1..=SEEDS).map(|seed| reference(seed).figures()).collect();
    let mut told = String::new();
    let mut wrong = Vec::new();
    for figure in 0..ours[0].len() {
        let name = &ours[0][figure].0;
        let column = |runs: &[Vec<(String, f64)>]| runs.iter().map(|run| run[figure].1).collect::<Vec<f64>>();
        let (one, other) = (column(&ours), column(&theirs));
        let (difference, t, d) = (mean(&one) - mean(&other), welch(&one, &other), distance(&one, &other));
        told += &format!(
            "{name}: {:.3} and {:.3}, difference {difference:.3} points, t {t:.2}, D {d:.2}\n",
            mean(&one),
            mean(&other)
        );
        // With 30 against 30, one in a thousand would lie beyond 3.5 and 0.50 by chance. What is left between them is the
        // chance of where the vendors stand: both draw their own.
        if difference.abs() >= 1.0 || t.abs() >= 3.5 || d >= 0.50 {
            wrong.push(name.clone());
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}:\n{told}");
}
