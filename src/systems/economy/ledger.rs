//! The only functions that move money and goods.
//!
//! Each checks before it changes: where it gives an error, nothing has moved. What comes into being or ceases to be is
//! posted by kind, so that money and goods can be accounted for to the unit at any time.

mod house;

use thiserror::Error;

pub use house::ClearingHouse;

use crate::components::market::{CommodityId, GoodsEntry, Holding, Ledger, MoneyEntry, Purse, Stock};
use crate::components::money::{Goods, Money};

/// A movement that cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum LedgerError {
    /// There is less money than that.
    #[error("{wanted} is more money than there is, {there}")]
    Money {
        /// What was to be moved.
        wanted: Money,
        /// What there is.
        there: Money,
    },
    /// There are fewer goods than that.
    #[error("{wanted} units are more than there are, {there}")]
    Goods {
        /// What was to be moved.
        wanted: Goods,
        /// What there is.
        there: Goods,
    },
    /// A negative amount.
    #[error("an amount of {0} cannot be moved")]
    Negative(i64),
    /// A sum that does not fit.
    #[error("a sum does not fit")]
    Overflow,
    /// The commodity has no place in the stock or ledger.
    #[error("there is no commodity number {0}")]
    Commodity(u16),
    /// A clearing whose sides do not balance.
    #[error("a clearing left {money} minor units and {goods} units with nobody")]
    Unbalanced {
        /// Money paid and not received.
        money: i64,
        /// Units sold and not bought.
        goods: i64,
    },
    /// What is there is not what the ledger says.
    #[error("{what}: the ledger says {expected}, there is {there}")]
    Imbalance {
        /// `money` or `goods`.
        what: &'static str,
        /// What should be there.
        expected: i64,
        /// What is.
        there: i64,
    },
}

fn holding(stock: &mut Stock, commodity: CommodityId) -> Result<&mut Holding, LedgerError> {
    stock.goods.get_mut(commodity).ok_or(LedgerError::Commodity(commodity.0))
}

fn positive(amount: i64) -> Result<(), LedgerError> {
    if amount < 0 { Err(LedgerError::Negative(amount)) } else { Ok(()) }
}

/// Gives money that was not there before.
///
/// # Errors
/// When the amount is negative or a sum does not fit.
pub fn create_money(
    ledger: &mut Ledger,
    purse: &mut Purse,
    amount: Money,
    entry: MoneyEntry,
) -> Result<(), LedgerError> {
    positive(amount.0)?;
    let free = purse.free.checked_add(amount).ok_or(LedgerError::Overflow)?;
    ledger.post_money(entry, amount.0).ok_or(LedgerError::Overflow)?;
    purse.free = free;
    Ok(())
}

/// Takes money away for good.
///
/// # Errors
/// When there is not so much, or a sum does not fit.
pub fn destroy_money(
    ledger: &mut Ledger,
    purse: &mut Purse,
    amount: Money,
    entry: MoneyEntry,
) -> Result<(), LedgerError> {
    positive(amount.0)?;
    if purse.free < amount {
        return Err(LedgerError::Money { wanted: amount, there: purse.free });
    }
    ledger.post_money(entry, amount.0).ok_or(LedgerError::Overflow)?;
    purse.free = Money(purse.free.0 - amount.0);
    Ok(())
}

/// Moves money from one purse to the other, for a reason that is accounted for.
///
/// # Errors
/// When there is not so much, or a sum does not fit.
pub fn transfer_money(
    ledger: &mut Ledger,
    (from, to): (&mut Purse, &mut Purse),
    amount: Money,
    entry: MoneyEntry,
) -> Result<(), LedgerError> {
    positive(amount.0)?;
    if from.free < amount {
        return Err(LedgerError::Money { wanted: amount, there: from.free });
    }
    let received = to.free.checked_add(amount).ok_or(LedgerError::Overflow)?;
    ledger.post_money(entry, amount.0).ok_or(LedgerError::Overflow)?;
    from.free = Money(from.free.0 - amount.0);
    to.free = received;
    Ok(())
}

/// Puts goods into a stock that were not there before.
///
/// # Errors
/// When the amount is negative, the commodity unknown, or a sum does not fit.
pub fn create_goods(
    ledger: &mut Ledger,
    stock: &mut Stock,
    commodity: CommodityId,
    amount: Goods,
    entry: GoodsEntry,
) -> Result<(), LedgerError> {
    positive(amount.0)?;
    let held = holding(stock, commodity)?;
    let free = held.free.0.checked_add(amount.0).ok_or(LedgerError::Overflow)?;
    ledger.post_goods(commodity, entry, amount.0).ok_or(LedgerError::Overflow)?;
    held.free = Goods(free);
    Ok(())
}

/// Takes goods out of a stock for good.
///
/// # Errors
/// When there are not so many, the commodity is unknown, or a sum does not fit.
pub fn destroy_goods(
    ledger: &mut Ledger,
    stock: &mut Stock,
    commodity: CommodityId,
    amount: Goods,
    entry: GoodsEntry,
) -> Result<(), LedgerError> {
    destroy_held(ledger, holding(stock, commodity)?, commodity, amount, entry)
}

/// Takes goods away for good, of a holding of a commodity that is at hand.
///
/// # Errors
/// When there are not so many, the commodity is unknown, or a sum does not fit.
#[inline]
pub fn destroy_held(
    ledger: &mut Ledger,
    held: &mut Holding,
    commodity: CommodityId,
    amount: Goods,
    entry: GoodsEntry,
) -> Result<(), LedgerError> {
    positive(amount.0)?;
    if held.free < amount {
        return Err(LedgerError::Goods { wanted: amount, there: held.free });
    }
    ledger.post_goods(commodity, entry, amount.0).ok_or(LedgerError::Overflow)?;
    held.free = Goods(held.free.0 - amount.0);
    Ok(())
}

/// Sets money aside to cover a bid.
///
/// # Errors
/// When there is not so much.
pub fn escrow_money(purse: &mut Purse, amount: Money) -> Result<(), LedgerError> {
    positive(amount.0)?;
    if purse.free < amount {
        return Err(LedgerError::Money { wanted: amount, there: purse.free });
    }
    let escrow = purse.escrow.checked_add(amount).ok_or(LedgerError::Overflow)?;
    purse.free = Money(purse.free.0 - amount.0);
    purse.escrow = escrow;
    Ok(())
}

/// Sets goods aside to cover an ask.
///
/// # Errors
/// When there are not so many.
pub fn escrow_goods(stock: &mut Stock, commodity: CommodityId, amount: Goods) -> Result<(), LedgerError> {
    positive(amount.0)?;
    let held = holding(stock, commodity)?;
    if held.free < amount {
        return Err(LedgerError::Goods { wanted: amount, there: held.free });
    }
    let escrow = held.escrow.0.checked_add(amount.0).ok_or(LedgerError::Overflow)?;
    held.free = Goods(held.free.0 - amount.0);
    held.escrow = Goods(escrow);
    Ok(())
}

/// Gives back money that covered a bid.
///
/// # Errors
/// When so much is not set aside.
pub fn release_money(purse: &mut Purse, amount: Money) -> Result<(), LedgerError> {
    positive(amount.0)?;
    if purse.escrow < amount {
        return Err(LedgerError::Money { wanted: amount, there: purse.escrow });
    }
    let free = purse.free.checked_add(amount).ok_or(LedgerError::Overflow)?;
    purse.escrow = Money(purse.escrow.0 - amount.0);
    purse.free = free;
    Ok(())
}

/// Gives back goods that covered an ask.
///
/// # Errors
/// When so many are not set aside.
pub fn release_goods(stock: &mut Stock, commodity: CommodityId, amount: Goods) -> Result<(), LedgerError> {
    positive(amount.0)?;
    let held = holding(stock, commodity)?;
    if held.escrow < amount {
        return Err(LedgerError::Goods { wanted: amount, there: held.escrow });
    }
    let free = held.free.0.checked_add(amount.0).ok_or(LedgerError::Overflow)?;
    held.escrow = Goods(held.escrow.0 - amount.0);
    held.free = Goods(free);
    Ok(())
}

/// Takes away all that somebody has, what covers orders included: it leaves with its owner.
///
/// # Errors
/// When a sum does not fit, or the stock has a commodity that the ledger does not know.
pub fn take_leave(ledger: &mut Ledger, purse: &mut Purse, stock: &mut Stock) -> Result<(), LedgerError> {
    let escrow = purse.escrow;
    release_money(purse, escrow)?;
    let money = purse.free;
    destroy_money(ledger, purse, money, MoneyEntry::Left)?;
    for (index, held) in stock.goods.as_mut_slice().iter_mut().enumerate() {
        let all = held.free.0.checked_add(held.escrow.0).ok_or(LedgerError::Overflow)?;
        if all > 0 {
            let commodity = CommodityId(u16::try_from(index).unwrap_or(u16::MAX));
            *held = Holding { free: Goods(all), escrow: Goods::ZERO };
            destroy_held(ledger, held, commodity, Goods(all), GoodsEntry::Left)?;
        }
    }
    Ok(())
}

/// Counts all money and goods and compares them with the ledger.
///
/// # Errors
/// With the first sum that is not what the ledger says.
pub fn audit<'a>(ledger: &Ledger, holders: impl Iterator<Item = (&'a Purse, &'a Stock)>) -> Result<(), LedgerError> {
    let mut money = 0_i64;
    let mut goods = vec![0_i64; ledger.commodities()];
    for (purse, stock) in holders {
        let both = purse.free.0.checked_add(purse.escrow.0);
        money = both.and_then(|both| money.checked_add(both)).ok_or(LedgerError::Overflow)?;
        for (sum, held) in goods.iter_mut().zip(stock.goods.iter()) {
            let both = held.free.0.checked_add(held.escrow.0);
            *sum = both.and_then(|both| sum.checked_add(both)).ok_or(LedgerError::Overflow)?;
        }
    }
    let expected = ledger.money_expected();
    if money != expected {
        return Err(LedgerError::Imbalance { what: "money", expected, there: money });
    }
    for (index, there) in goods.into_iter().enumerate() {
        let expected = u16::try_from(index).map_or(0, |index| ledger.goods_expected(CommodityId(index)));
        if there != expected {
            return Err(LedgerError::Imbalance { what: "goods", expected, there });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::components::market::PerCommodity;

    pub(super) const WOOD: CommodityId = CommodityId(1);

    pub(super) fn holder(ledger: &mut Ledger, money: i64, wood: i64) -> (Purse, Stock) {
        let mut purse = Purse::default();
        let mut stock = Stock { goods: PerCommodity::from_fn(2, |_| Holding::default()) };
        create_money(ledger, &mut purse, Money(money), MoneyEntry::Endowed).expect("fits");
        create_goods(ledger, &mut stock, WOOD, Goods(wood), GoodsEntry::Endowed).expect("fits");
        (purse, stock)
    }

    #[test]
    fn what_cannot_be_moves_nothing() {
        let mut ledger = Ledger::new(2);
        let (mut purse, mut stock) = holder(&mut ledger, 100, 5);
        let before = (ledger.clone(), purse, stock.clone());
        let mut house = ClearingHouse::default();
        assert!(escrow_money(&mut purse, Money(101)).is_err());
        assert!(escrow_money(&mut purse, Money(-1)).is_err());
        assert!(release_money(&mut purse, Money(1)).is_err());
        assert!(release_goods(&mut stock, WOOD, Goods(1)).is_err());
        assert!(escrow_goods(&mut stock, WOOD, Goods(6)).is_err());
        assert!(escrow_goods(&mut stock, CommodityId(7), Goods(1)).is_err());
        assert!(destroy_goods(&mut ledger, &mut stock, WOOD, Goods(6), GoodsEntry::Eaten).is_err());
        assert!(destroy_goods(&mut ledger, &mut stock, WOOD, Goods(-1), GoodsEntry::Eaten).is_err());
        assert!(create_goods(&mut ledger, &mut stock, WOOD, Goods(i64::MAX), GoodsEntry::Produced).is_err());
        assert!(create_money(&mut ledger, &mut purse, Money(i64::MAX), MoneyEntry::Endowed).is_err());
        assert!(house.settle_bid(&mut purse, &mut stock, WOOD, (Money(1), Money(1), Goods(1))).is_err());
        assert!(house.settle_ask(&mut purse, &mut stock, WOOD, (Goods(1), Goods(1), Money(1))).is_err());
        assert_eq!((ledger, purse, stock), before);
        assert_eq!(house.close(), Ok(()));
    }

    #[test]
    fn the_audit_counts_to_the_unit() {
        let mut ledger = Ledger::new(2);
        let (purse, mut stock) = holder(&mut ledger, 100, 5);
        destroy_goods(&mut ledger, &mut stock, WOOD, Goods(2), GoodsEntry::Eaten).expect("there");
        assert_eq!(audit(&ledger, [(&purse, &stock)].into_iter()), Ok(()));
        stock.goods[WOOD].free = Goods(4);
        let found = audit(&ledger, [(&purse, &stock)].into_iter());
        assert_eq!(found, Err(LedgerError::Imbalance { what: "goods", expected: 3, there: 4 }));
    }
}
