//! Who stops being a trader, however that comes about, takes along what it has: it is accounted for as by who leaves.
//!
//! Other plugins may do so at any time. An order that is in a book then is settled with the others: somebody may have
//! been promised what covers it.

use bevy_ecs::error::Result;
use bevy_ecs::prelude::*;

use crate::components::market::{Ledger, Purse, Resting, Stock, Trader};
use crate::systems::economy::floor::{Estate, Floor};
use crate::systems::economy::ledger::take_leave;

/// Empties the purse and the stock of who is no trader any more. Runs whenever a [`Trader`] is removed or despawned.
pub fn see_off_trader(
    gone: On<Remove<Trader>>,
    mut holders: Query<(&mut Purse, &mut Stock, Option<&mut Resting>)>,
    ledger: Option<ResMut<Ledger>>,
    mut floor: ResMut<Floor>,
) -> Result {
    let entity = gone.event_target();
    let seat = floor.seats.vacate(entity);
    let (Ok((mut purse, mut stock, resting)), Some(mut ledger)) = (holders.get_mut(entity), ledger) else {
        return Ok(());
    };
    if let Some(mut resting) = resting {
        resting.orders.clear();
    }
    match seat.filter(|_| floor.trading) {
        Some((place, seat)) => {
            let (purse, stock) = (std::mem::take(&mut *purse), std::mem::take(&mut *stock));
            floor.estates.push(Estate { place, seat, purse, stock });
        }
        None => take_leave(&mut ledger, &mut purse, &mut stock)?,
    }
    Ok(())
}
