//! Renewal of the population: who goes broke changes to the role that earns most, or leaves; newcomers arrive.

use bevy_ecs::error::Result;
use bevy_ecs::prelude::*;

use super::moving::Outlook;
use super::review::prospects;
use super::setup::{Newcomer, settle, within};
use crate::components::ids::{StableId, StableIds};
use crate::components::market::{
    GoodsEntry, Ledger, Livelihood, Market, MarketStatistics, MoneyEntry, PlaceId, Purse, Resting, Role, RoleId, Stock,
    Trader,
};
use crate::components::money::Money;
use crate::systems::economy::influences::conditions::{Conditions, money_bounds};
use crate::systems::economy::ledger::take_leave;
use crate::systems::economy::maths::{by_chance, count};
use crate::systems::economy::model::Economy;
use crate::systems::random::{Draw, Draws};

type Agents<'w, 's> = Query<
    'w,
    's,
    (
        Entity,
        &'static StableId,
        &'static mut Livelihood,
        &'static mut Role,
        &'static mut Purse,
        &'static mut Stock,
        Option<&'static PlaceId>,
    ),
    With<Trader>,
>;

/// The whole world draws under this number: no entity has it.
const WORLD: StableId = StableId(u64::MAX);

/// Lets the broke change or go, and newcomers in. Runs in `Review`, before the roster of the hour is called. Nothing
/// without a `renewal` in the world file.
#[expect(clippy::too_many_arguments, reason = "each is a part of the world that changes when people come and go")]
pub fn renew_population(
    economy: Res<Economy>,
    (statistics, conditions): (Res<MarketStatistics>, Res<Conditions>),
    mut ledger: ResMut<Ledger>,
    mut ids: ResMut<StableIds>,
    mut commands: Commands,
    traders: Query<(), With<Trader>>,
    mut agents: Agents,
    markets: Query<(&Market, Option<&PlaceId>)>,
    draws: Draws,
) -> Result {
    let Some(renewal) = economy.population.renewal.clone() else { return Ok(()) };
    let mut here = traders.iter().count();
    let (least, most) = (usize::try_from(renewal.minimum)?, usize::try_from(renewal.maximum)?);
    let prospects: Vec<f64> = prospects(&economy, &statistics, &conditions).collect();
    let roles = economy.roles.len();
    let best_at = |place: PlaceId| {
        let here = (place.index() * roles..).take(roles);
        let best = here.max_by(|a, b| prospect(&prospects, *a).total_cmp(&prospect(&prospects, *b)));
        u16::try_from(best.map_or(0, |best| best % roles)).map(RoleId)
    };
    let mut order: Vec<(StableId, Entity)> = agents.iter().map(|(entity, id, ..)| (*id, entity)).collect();
    order.sort_unstable_by_key(|(id, _)| *id);
    for (_, entity) in order {
        let (_, _, mut livelihood, mut role, mut purse, mut stock, place) = agents.get_mut(entity)?;
        if purse.free().0.saturating_add(purse.escrow().0) >= renewal.broke_below {
            if livelihood.broke_hours > 0 {
                livelihood.broke_hours = 0;
            }
            continue;
        }
        livelihood.broke_hours = livelihood.broke_hours.saturating_add(1);
        if livelihood.broke_hours < renewal.broke_hours {
            continue;
        }
        livelihood.broke_hours = 0;
        let place = PlaceId::of(place);
        let best = best_at(place)?;
        if role.id != best {
            let utilisation =
                statistics.roles_at(place, roles).get(best.index()).map_or(1.0, |known| known.utilisation);
            *role = Role { id: best, hours: 0, utilisation };
        } else if here > least {
            take_leave(&mut ledger, &mut purse, &mut stock)?;
            commands.entity(entity).despawn();
            here -= 1;
        }
    }
    let mut draw = draws.of("economy.arrivals").for_id(WORLD);
    let arriving = usize::try_from(by_chance(renewal.arrivals_per_day / 24.0, &mut draw))?;
    let arriving = arriving.max(least.saturating_sub(here)).min(most.saturating_sub(here));
    // They bring new money: no more than brings all of it to where shocks of money end as well.
    let open = money_bounds(&economy).1.saturating_sub(ledger.money_of_traders()).max(0);
    let arriving = arriving.min(usize::try_from(open / renewal.newcomer_money.max(1))?);
    if arriving == 0 {
        return Ok(());
    }
    let mut prices = vec![vec![1; economy.commodities.len()]; economy.places.len()];
    for (market, place) in &markets {
        let here = prices.get_mut(PlaceId::of(place).index());
        if let Some(price) = here.and_then(|here| here.get_mut(market.commodity.index())) {
            *price = market.price.0;
        }
    }
    let outlook = Outlook::of(&economy, &statistics);
    let worth: Vec<f64> = (0_usize..)
        .zip(&prospects)
        .map(|(at, prospect)| {
            let place = PlaceId(u16::try_from(at / roles.max(1)).unwrap_or(u16::MAX));
            prospect * outlook.at(place)
        })
        .collect();
    let draws = draws.of("economy.newcomers");
    for _ in 0..arriving {
        let id = ids.next_id();
        let mut draw = draws.for_id(id);
        let chosen = choose(&worth, &mut draw)?;
        let place = PlaceId(u16::try_from(chosen / roles.max(1))?);
        let newcomer = Newcomer {
            role: RoleId(u16::try_from(chosen % roles.max(1))?),
            place,
            skill: within(economy.population.skill, &mut draw),
            money: Money(renewal.newcomer_money),
            prices: prices.get(place.index()).map_or(&[], Vec::as_slice),
            belief_factor: 1.0,
            entries: (MoneyEntry::Arrived, GoodsEntry::Arrived),
            given: None,
        };
        let mut agent = commands.spawn((id, settle(&economy, &mut ledger, &newcomer, &mut draw)?));
        if economy.rest_hours.is_some() {
            agent.insert(Resting::default());
        }
        if economy.has_places() {
            agent.insert(place);
        }
    }
    Ok(())
}

fn prospect(prospects: &[f64], role: usize) -> f64 {
    prospects.get(role).copied().unwrap_or(0.0)
}

/// One of them, each with a probability in proportion to what it earns; any where none earns anything.
fn choose(prospects: &[f64], draw: &mut Draw) -> Result<usize> {
    let sum: f64 = prospects.iter().map(|prospect| prospect.max(0.0)).sum();
    let mut at = draw.unit() * sum;
    for (index, prospect) in prospects.iter().enumerate() {
        at -= prospect.max(0.0);
        if at < 0.0 {
            return Ok(index);
        }
    }
    let any = draw.unit() * count(prospects.len());
    Ok(usize::try_from(crate::systems::economy::maths::whole(any.floor()))?)
}
