//! A step of a whole crowd: its chunks side by side, then what agents do with vendors and with each other.

use bevy_ecs::prelude::Resource;
use bevy_tasks::TaskPool;

use super::choose::Hour;
use super::desk::Desk;
use super::draw::{StepKeys, below, bits};
use super::live::{Step, live_chunk};
use super::meet::{change_doing, of_agent, settle_meetings};
use super::params::Params;
use crate::components::crowd::{
    ActionSample, CHUNK_AGENTS, Crowd, CrowdBooks, CrowdFlow, Doing, Ground, SectorTally, Tallies,
};
use crate::world::spec::RulePreset;

/// Agents from which on a crowd is worth several threads.
const PARALLEL_FROM: usize = 30_000;
/// Draws for one sample at most.
const SAMPLE_DRAWS: u32 = 8;

/// The buffers of a crowd. They carry nothing from one step to the next.
#[derive(Resource, Debug, Clone, Default)]
pub struct CrowdFloor {
    desks: Vec<Desk>,
}

impl CrowdFloor {
    /// Bytes that the buffers take.
    pub fn bytes(&self) -> usize {
        self.desks.iter().map(Desk::bytes).sum()
    }
}

/// What holds for the steps of a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Seed of the world.
    pub seed: u64,
    /// Steps of a day.
    pub steps_a_day: u32,
    /// Hour of the day of the tick's first step.
    pub hour: u32,
    /// Price of a meal, least and most, in minor units.
    pub price: (u32, u32),
    /// Meals that each vendor has room for; nothing where none ever sells out.
    pub stock: Option<u16>,
    /// Share of that room that is filled up after each hour, in thousandths.
    pub supply_milli: u32,
    /// Agents of each step of whom it is noted what they did.
    pub samples: u32,
}

/// Lives so many steps. `tallies` holds what the sectors saw of them afterwards.
///
/// The same comes of it with any number of threads: chunks share nothing, and what was counted for each thread is added
/// up.
#[expect(clippy::too_many_arguments, reason = "the parts of a crowd, borrowed one by one")]
pub fn live_steps(
    steps: u32,
    terms: &Terms,
    params: &Params,
    ground: &Ground,
    crowd: &mut Crowd,
    books: &mut CrowdBooks,
    tallies: &mut Tallies,
    floor: &mut CrowdFloor,
    pool: Option<&TaskPool>,
) {
    let sectors = ground.sectors.len();
    let pool = pool.filter(|pool| pool.thread_num() > 1 && crowd.len() >= PARALLEL_FROM);
    floor.desks.resize_with(pool.map_or(1, TaskPool::thread_num), Desk::default);
    let agents = crowd.len();
    let share = agents.div_ceil(floor.desks.len().max(1)).next_multiple_of(CHUNK_AGENTS);
    let wishes = if terms.stock.is_some() { share.min(agents) } else { 0 };
    let meets = if params.preset == RulePreset::City { agents } else { 0 };
    for (index, desk) in floor.desks.iter_mut().enumerate() {
        // The first has room for everybody's meetings: they are brought together there.
        desk.begin_tick(sectors, wishes, if index == 0 { meets } else { meets.min(share) });
    }
    tallies.begin(books.steps, steps as usize, sectors);
    tallies.price = terms.price;
    tallies.samples.reserve_exact(steps as usize * terms.samples as usize);
    for index in 0..steps {
        let of_day = (terms.hour + index * 24 / terms.steps_a_day.max(1)) % 24;
        let step = Step {
            ground,
            params,
            keys: StepKeys::new(terms.seed, books.steps),
            hour: Hour {
                of_day: i16::try_from(of_day).unwrap_or(0),
                // Whoever works is paid alike: no more than the employers have, even if all are at work.
                wage: params.wage.min(u32::try_from(books.employers / agents.max(1) as u64).unwrap_or(u32::MAX)),
                meal: terms.price.1,
                last: (ground.width - 1, ground.height - 1),
            },
            favourite: usize::from((books.steps / u64::from(terms.steps_a_day.max(1))) % 2 == 1),
            price: (terms.price.0, terms.price.1.saturating_sub(terms.price.0)),
            limited: terms.stock.is_some(),
        };
        live_chunks(crowd, &step, &mut floor.desks, pool);
        let row = tallies.step_mut(index as usize);
        settle_step(crowd, &step, terms, row, books, floor);
        note_samples(crowd, terms, books.steps, index, &mut tallies.samples);
        let hours = |index: u32| index * 24 / terms.steps_a_day.max(1);
        if hours(index + 1) != hours(index) {
            supply_vendors(crowd, terms);
        }
        books.steps += 1;
    }
    for desk in &floor.desks {
        tallies.flows.add_all(&desk.flows);
    }
}

/// Notes what a few agents have done: drawn among those who did something that others would notice.
fn note_samples(crowd: &Crowd, terms: &Terms, number: u64, step: u32, samples: &mut Vec<ActionSample>) {
    let agents = crowd.len() as u64;
    for sample in 0..terms.samples {
        // Most of a night's agents work or rest unseen: a few draws find one that does not, or this step has one less.
        for attempt in 0..SAMPLE_DRAWS {
            let drawn = bits(bits(terms.seed ^ 0x7361_6d70_6c65, number), u64::from(sample * SAMPLE_DRAWS + attempt));
            let agent = u32::try_from(below(drawn, agents)).unwrap_or(0);
            let (chunk, at) = Crowd::place(agent);
            let Some(chunk) = crowd.chunks.get(chunk) else { continue };
            let doing = chunk.doing.get(at).map_or(Doing::Idle, |doing| Doing::from_number(*doing));
            if matches!(doing, Doing::Idle | Doing::Work) {
                continue;
            }
            if let (Some(x), Some(y), Some(sector)) = (chunk.x.get(at), chunk.y.get(at), chunk.sector.get(at)) {
                samples.push(ActionSample { step, agent, doing, x: *x, y: *y, sector: *sector });
            }
            break;
        }
    }
}

/// Every chunk lives the step, on as many threads as there are desks.
fn live_chunks(crowd: &mut Crowd, step: &Step<'_>, desks: &mut [Desk], pool: Option<&TaskPool>) {
    let sectors = step.ground.sectors.len();
    desks.iter_mut().for_each(|desk| desk.begin(sectors));
    let each = crowd.chunks.len().div_ceil(desks.len().max(1)).max(1);
    let shares = crowd.chunks.chunks_mut(each).zip(desks);
    match pool {
        Some(pool) => {
            pool.scope(|scope| {
                for (chunks, desk) in shares {
                    scope.spawn(async move { chunks.iter_mut().for_each(|chunk| live_chunk(chunk, step, desk)) });
                }
            });
        }
        None => shares.for_each(|(chunks, desk)| chunks.iter_mut().for_each(|chunk| live_chunk(chunk, step, desk))),
    }
}

/// What the threads have counted is added up; wishes and meetings are settled; the books are brought up to date.
fn settle_step(
    crowd: &mut Crowd,
    step: &Step<'_>,
    terms: &Terms,
    tallies: &mut [SectorTally],
    books: &mut CrowdBooks,
    floor: &mut CrowdFloor,
) {
    let (mut wages, mut meals) = (0, 0);
    for desk in &floor.desks {
        desk.add_to(tallies);
        wages += desk.wages;
        meals += desk.meals;
    }
    meals += serve_wishes(crowd, &floor.desks, step, terms, tallies, books.steps);
    if let Some((first, others)) = floor.desks.split_first_mut() {
        others.iter().for_each(|desk| first.meets.extend_from_slice(&desk.meets));
        settle_meetings(&mut first.meets, crowd, step.params, tallies, books);
    }
    books.employers = books.employers.saturating_sub(wages);
    books.note(CrowdFlow::Wages, wages);
    let spent: u64 = tallies.iter().map(|tally| tally.spent).sum();
    books.vendors += spent;
    books.note(CrowdFlow::Meals, spent);
    books.meals += meals;
    if step.params.wage > 0 {
        // Where there are employers, vendors are theirs.
        books.note(CrowdFlow::Earnings, books.vendors);
        books.employers += std::mem::take(&mut books.vendors);
    }
    let wanted = meals + tallies.iter().map(|tally| u64::from(tally.sold_out)).sum::<u64>();
    let day = u64::from(terms.steps_a_day.max(1));
    books.usual_meals_micro = averaged(books.usual_meals_micro, wanted, books.steps, day * 7);
    books.recent_meals_micro = averaged(books.recent_meals_micro, wanted, books.steps, day);
}

/// An average in millionths with a memory of so many steps: exponential, and until there were so many plainly the mean.
fn averaged(average: u64, now: u64, steps: u64, memory: u64) -> u64 {
    let known = (steps + 1).min(memory);
    (average * (known - 1) + now * 1_000_000) / known
}

/// Sells to whom it is enough for, beginning with another one in each step. Gives the meals sold.
fn serve_wishes(
    crowd: &mut Crowd,
    desks: &[Desk],
    step: &Step<'_>,
    terms: &Terms,
    tallies: &mut [SectorTally],
    number: u64,
) -> u64 {
    let wishes = || desks.iter().flat_map(|desk| &desk.wishes);
    let count: usize = desks.iter().map(|desk| desk.wishes.len()).sum();
    let start = usize::try_from(below(bits(terms.seed ^ 0x7769_7368, number), count as u64)).unwrap_or(0);
    let mut meals = 0;
    for wish in wishes().skip(start).chain(wishes().take(start)) {
        let stock = usize::try_from(wish.vendor).ok().and_then(|vendor| crowd.stock.get_mut(vendor));
        let sold = stock.is_some_and(|stock| {
            let any = *stock > 0;
            *stock -= u16::from(any);
            any
        });
        let Some((chunk, at)) = of_agent(crowd, wish.agent) else { continue };
        let sector = chunk.sector.get(at).copied().unwrap_or(0);
        let Some(tally) = tallies.get_mut(usize::from(sector)) else { continue };
        if !sold {
            tally.sold_out += 1;
            continue;
        }
        let (price, relief) = step.meal(step.keys.meal.bits(wish.agent));
        if let (Some(money), Some(hunger)) = (chunk.money.get_mut(at), chunk.hunger.get_mut(at)) {
            let price = step.spends(price, *money);
            *money -= price;
            *hunger = (*hunger - relief).max(0);
            tally.spent += u64::from(price);
        }
        meals += 1;
        change_doing(chunk, at, Doing::BuyFood, tallies);
    }
    meals
}

/// Fills the vendors' stocks up, as far as the market gives.
fn supply_vendors(crowd: &mut Crowd, terms: &Terms) {
    let Some(room) = terms.stock else { return };
    let most = u32::from(room) * terms.supply_milli.min(1_000) / 1_000;
    let most = u16::try_from(most).unwrap_or(room);
    crowd.stock.iter_mut().for_each(|stock| *stock = (*stock).max(most));
}
