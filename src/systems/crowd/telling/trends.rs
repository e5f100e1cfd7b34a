//! What people talk about: posts that spread along friendships.
//!
//! A trend begins with the most influential post of a step. Whoever has taken it up offers it once to each friend, who
//! takes it up with a chance that grows with the influence of the one and the social drive of the other: the independent
//! cascade of Goldenberg, Libai and Muller ("Talk of the network", Marketing Letters 12, 2001). News, which is what is
//! unusual in the place of the post, spreads further than talk of everyday life. A trend is over when nobody takes it up
//! any more, or when it has taken hold of as many as the world file allows.

use bevy_ecs::prelude::*;
use serde::{Deserialize, Serialize};

use super::lengths::Foretold;
use super::signals::CrowdNews;
use super::unusual::real;
use super::windows::Windows;
use crate::components::crowd::{Crowd, FULL, Ground, NO_FRIEND, Tallies, TopPost};
use crate::messages::crowd::CrowdSignalType;
use crate::messages::trend::{SocialTrend, TrendType};
use crate::systems::crowd::draw::bits;
use crate::systems::crowd::hours::CrowdModel;
use crate::systems::random::WorldSeed;

/// Influence, of 100, from which on a post may become a trend.
const BEGINS_WITH: u8 = 90;
/// Agents that have taken a trend up when it is first told.
const TOLD_FROM: usize = 10;
/// Growth since it was last told, in percent, from which on it is told again.
const TOLD_GROWTH: usize = 25;
/// Chance, of 1,000, that the most influential agent's offer of everyday talk convinces a friend with a full social drive.
const TALK: u64 = 600;
/// The same for news.
const NEWS: u64 = 900;

/// A trend that spreads.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Trend {
    /// The step of its post.
    begun: u64,
    sector: u8,
    topic: u8,
    /// Everybody who has taken it up, in rising order.
    taken: Vec<u32>,
    /// Those of them who did so in the last step.
    latest: Vec<u32>,
    /// How many had when it was last told.
    told: u32,
    /// How many have, summed over the steps since then.
    talked: u64,
    /// How many steps it was expected to last when it began.
    foretold: u32,
}

/// The trends that spread, and how long those before lasted. Persisted.
#[derive(Resource, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TrendBook {
    trends: Vec<Trend>,
    past: Foretold,
}

/// Topics by their numbers: those of news are the kinds of signals, and the last is everyday life.
const EVERYDAY: u8 = 7;

/// What a topic is, in words of a place.
fn words(topic: u8, place: &str) -> (TrendType, String) {
    let kind = CrowdSignalType::ALL.get(usize::from(topic));
    let (trend_type, words) = match kind {
        Some(CrowdSignalType::FoodDemandRising) => (TrendType::PublicOpinion, "where to find food in"),
        Some(CrowdSignalType::FoodDemandFalling) => (TrendType::PublicOpinion, "vendors without customers in"),
        Some(CrowdSignalType::PopulationInflux) => (TrendType::Rumor, "why everybody goes to"),
        Some(CrowdSignalType::PopulationExodus) => (TrendType::Rumor, "why people leave"),
        Some(CrowdSignalType::EconomicActivitySpike) => (TrendType::PublicOpinion, "money being spent in"),
        Some(CrowdSignalType::SocialUnrest) => (TrendType::SocialMovement, "hunger in"),
        Some(CrowdSignalType::TradingVolumeChange) => (TrendType::CulturalShift, "how people trade in"),
        None => (TrendType::ViralContent, "life in"),
    };
    (trend_type, format!("{words} {place}"))
}

/// Spreads trends step by step, begins new ones, and tells those that have grown. Runs in `Tell`, after the signals.
#[expect(clippy::too_many_arguments, reason = "what is read, what is remembered and what is told")]
pub fn tell_trends(
    model: Res<CrowdModel>,
    seed: Res<WorldSeed>,
    ground: Res<Ground>,
    crowd: Res<Crowd>,
    tallies: Res<Tallies>,
    news: Res<CrowdNews>,
    mut book: ResMut<TrendBook>,
    mut events: MessageWriter<SocialTrend>,
) {
    let most = model.telling.trends as usize;
    if most == 0 {
        return;
    }
    let book = &mut *book;
    let windows = Windows::new(model.steps_a_day);
    let limit = model.telling.trend_agents as usize;
    let mut over = Vec::new();
    for step in 0..tallies.steps() {
        let number = tallies.first_step + step as u64;
        for trend in &mut book.trends {
            trend.spread(&crowd, &ground, seed.0, limit);
        }
        let past = &mut book.past;
        over.extend(book.trends.extract_if(.., |trend| trend.latest.is_empty()).inspect(|trend| {
            past.end(trend.steps(number), trend.foretold);
        }));
        if book.trends.len() < most
            && let Some((sector, post)) = loudest(&tallies, step)
            && book.trends.iter().all(|trend| trend.taken.binary_search(&post.agent).is_err())
        {
            let mut lasting = news.of(step / windows.steps, usize::from(sector));
            let topic = lasting.next().map_or(EVERYDAY, |kind| kind as u8);
            let (taken, latest) = (vec![post.agent], vec![post.agent]);
            let foretold = book.past.lengths.remaining(1);
            book.trends.push(Trend { begun: number, sector, topic, taken, latest, told: 0, talked: 0, foretold });
        }
    }
    let now = tallies.first_step + tallies.steps() as u64;
    for trend in over.iter_mut().chain(&mut book.trends) {
        if trend.is_news_worth() {
            let place = ground.sectors.get(usize::from(trend.sector)).map_or("", String::as_str);
            events.write(trend.event(place, crowd.len(), &model, book.past.lengths.remaining(trend.steps(now))));
            trend.told = u32::try_from(trend.taken.len()).unwrap_or(u32::MAX);
            trend.talked = 0;
        }
    }
}

/// The most influential post of a step and its sector, if it is influential enough; of several that of the first sector.
fn loudest(tallies: &Tallies, step: usize) -> Option<(u8, TopPost)> {
    let posts = tallies.step(step).iter().enumerate();
    let posts = posts.filter_map(|(sector, row)| Some((u8::try_from(sector).ok()?, row.top_post?)));
    posts.filter(|(_, post)| post.influence >= BEGINS_WITH).max_by_key(|(sector, post)| (post.influence, !sector))
}

impl Trend {
    fn steps(&self, now: u64) -> u32 {
        u32::try_from(now.saturating_sub(self.begun)).unwrap_or(u32::MAX).max(1)
    }

    /// One step: those who have taken it up last offer it to their friends.
    fn spread(&mut self, crowd: &Crowd, ground: &Ground, seed: u64, limit: usize) {
        let strength = if self.topic == EVERYDAY { TALK } else { NEWS };
        let key = bits(seed ^ 0x7472_656e_6473, self.begun);
        let mut new = Vec::new();
        for agent in &self.latest {
            let offer = strength * u64::from(of(crowd, *agent, |chunk| &chunk.influence).unwrap_or(0));
            for friend in ground.friends.of(*agent).into_iter().filter(|friend| *friend != NO_FRIEND) {
                let drive = of(crowd, friend, |chunk| &chunk.drive).unwrap_or(0).unsigned_abs();
                // Of 1,000 times 100 times the full drive; the draw is one of the same.
                let chance = offer * u64::from(drive);
                let drawn =
                    bits(key, u64::from(*agent) << 32 | u64::from(friend)) % (100_000 * u64::from(FULL.unsigned_abs()));
                if drawn < chance && self.taken.binary_search(&friend).is_err() {
                    new.push(friend);
                }
            }
        }
        new.sort_unstable();
        new.dedup();
        let room = limit.saturating_sub(self.taken.len());
        if new.len() > room {
            // Who still takes it up is drawn: numbers are neighbourhoods.
            new.sort_unstable_by_key(|agent| (bits(key, u64::from(*agent)), *agent));
            new.truncate(room);
            new.sort_unstable();
        }
        self.taken.extend_from_slice(&new);
        self.taken.sort_unstable();
        self.talked += self.taken.len() as u64;
        self.latest = if self.taken.len() >= limit { Vec::new() } else { new };
    }

    fn is_news_worth(&self) -> bool {
        let told = self.told as usize;
        self.taken.len() >= TOLD_FROM && (told == 0 || self.taken.len() * 100 >= told * (100 + TOLD_GROWTH))
    }

    fn event(&self, place: &str, agents: usize, model: &CrowdModel, remaining: u32) -> SocialTrend {
        let hours = 24.0 / f64::from(model.steps_a_day.max(1));
        let (trend_type, topic) = words(self.topic, place);
        let taken = self.taken.len() as u64;
        let share = real(taken) / real(agents.max(1) as u64);
        let grown = real(taken - u64::from(self.told).min(taken));
        let rate = grown / (real(self.talked.max(1)) * hours);
        let remaining = if self.latest.is_empty() { 0 } else { remaining };
        SocialTrend {
            trend_type,
            location: place.to_owned(),
            trend_strength: (share.sqrt() * 1_000.0).round().min(1_000.0) / 10.0,
            topic: Some(topic),
            agent_participation_count: Some(taken),
            spread_rate: Some((rate * 1_000.0).round() / 1_000.0),
            estimated_duration_hours: Some(f64::from(remaining) * hours),
        }
    }
}

/// A value of an agent.
fn of<T: Copy>(crowd: &Crowd, agent: u32, column: impl Fn(&crate::components::crowd::Chunk) -> &Vec<T>) -> Option<T> {
    let (chunk, at) = Crowd::place(agent);
    crowd.chunks.get(chunk).and_then(|chunk| column(chunk).get(at)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::systems::crowd::{found_crowd, found_ground};
    use crate::world::spec::{CrowdSpec, GridSpec};

    /// How many take up a trend of this topic that begins with an agent, in a crowd with this social drive.
    fn reach(topic: u8, drive: i16, influence: u8) -> (usize, u32) {
        let spec = CrowdSpec {
            agents: 5_000,
            grid: GridSpec { width: 300, height: 300, ..GridSpec::default() },
            ..CrowdSpec::default()
        };
        let ground = found_ground(&spec, 5);
        let mut crowd = found_crowd(&spec, 5, &ground);
        for chunk in &mut crowd.chunks {
            chunk.drive.fill(drive);
            chunk.influence.fill(influence);
        }
        let (mut reached, mut steps) = (0, 0);
        for begun in 0..20 {
            let agent = u32::try_from(begun * 211).expect("small");
            let mut trend = Trend { begun, topic, taken: vec![agent], latest: vec![agent], ..Trend::default() };
            while !trend.latest.is_empty() {
                trend.spread(&crowd, &ground, 5, 2_000);
                steps += 1;
            }
            assert!(trend.taken.is_sorted() && trend.taken.len() <= 2_000);
            assert!(trend.taken.windows(2).all(|two| two[0] != two[1]), "nobody takes it up twice");
            reached += trend.taken.len();
        }
        (reached, steps)
    }

    #[test]
    fn influence_drive_and_news_carry_a_trend_further() {
        let (talk, _) = reach(EVERYDAY, FULL / 2, 50);
        assert!((20..2_000).contains(&talk), "everyday talk dies down: {talk}");
        assert!(reach(0, FULL / 2, 50).0 > talk, "news goes further");
        assert!(reach(EVERYDAY, FULL, 50).0 > 3 * talk, "so does everything among the sociable");
        assert!(reach(EVERYDAY, FULL / 2, 100).0 > 3 * talk, "and among the influential");
        assert_eq!(reach(0, 0, 100).0, 20, "nobody listens");
        assert_eq!(reach(0, FULL, 100).0, 20 * 2_000, "up to the limit");
    }

    #[test]
    fn every_topic_fits_the_event() {
        for topic in 0..=EVERYDAY {
            let (_, words) = words(topic, &"\u{1F307}".repeat(64));
            assert!(words.chars().count() <= 200);
        }
    }
}
