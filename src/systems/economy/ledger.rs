//! The only functions that move money and goods.
//!
//! Each checks before it changes: where it gives an error, nothing has moved. What comes into being or ceases to be is
//! posted by kind, so that money and goods can be accounted for to the unit at any time.

use thiserror::Error;

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

/// Money and goods on their way from one side of a clearing to the other. Empty again when all orders are settled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClearingHouse {
    money: i64,
    goods: i64,
}

impl ClearingHouse {
    /// Settles a bid: of the `covered` money `paid` goes to the house, the rest back to the purse; `bought` units come
    /// from the house.
    ///
    /// # Errors
    /// When the escrow does not hold what was covered, more is paid than that, or a sum does not fit.
    pub fn settle_bid(
        &mut self,
        purse: &mut Purse,
        stock: &mut Stock,
        commodity: CommodityId,
        (covered, paid, bought): (Money, Money, Goods),
    ) -> Result<(), LedgerError> {
        positive(paid.0)?;
        positive(bought.0)?;
        if purse.escrow < covered || covered < paid {
            return Err(LedgerError::Money { wanted: covered.max(paid), there: purse.escrow.min(covered) });
        }
        let held = holding(stock, commodity)?;
        let free_goods = held.free.0.checked_add(bought.0).ok_or(LedgerError::Overflow)?;
        let free_money = purse.free.0.checked_add(covered.0 - paid.0).ok_or(LedgerError::Overflow)?;
        let money = self.money.checked_add(paid.0).ok_or(LedgerError::Overflow)?;
        let goods = self.goods.checked_sub(bought.0).ok_or(LedgerError::Overflow)?;
        *self = Self { money, goods };
        held.free = Goods(free_goods);
        purse.escrow = Money(purse.escrow.0 - covered.0);
        purse.free = Money(free_money);
        Ok(())
    }

    /// Settles an ask: of the `covered` units `sold` go to the house, the rest back to the stock; `received` money
    /// comes from the house.
    ///
    /// # Errors
    /// When the escrow does not hold what was covered, more is sold than that, or a sum does not fit.
    pub fn settle_ask(
        &mut self,
        purse: &mut Purse,
        stock: &mut Stock,
        commodity: CommodityId,
        (covered, sold, received): (Goods, Goods, Money),
    ) -> Result<(), LedgerError> {
        positive(sold.0)?;
        positive(received.0)?;
        let held = holding(stock, commodity)?;
        if held.escrow < covered || covered < sold {
            return Err(LedgerError::Goods { wanted: covered.max(sold), there: held.escrow.min(covered) });
        }
        let free_goods = held.free.0.checked_add(covered.0 - sold.0).ok_or(LedgerError::Overflow)?;
        let free_money = purse.free.0.checked_add(received.0).ok_or(LedgerError::Overflow)?;
        let money = self.money.checked_sub(received.0).ok_or(LedgerError::Overflow)?;
        let goods = self.goods.checked_add(sold.0).ok_or(LedgerError::Overflow)?;
        *self = Self { money, goods };
        held.escrow = Goods(held.escrow.0 - covered.0);
        held.free = Goods(free_goods);
        purse.free = Money(free_money);
        Ok(())
    }

    /// Settles an ask from outside: `sold` units come into the world and go to the house, `received` money leaves it.
    ///
    /// # Errors
    /// When an amount is negative, the commodity is unknown, or a sum does not fit.
    pub fn settle_import(
        &mut self,
        ledger: &mut Ledger,
        commodity: CommodityId,
        (sold, received): (Goods, Money),
    ) -> Result<(), LedgerError> {
        positive(sold.0)?;
        positive(received.0)?;
        let money = self.money.checked_sub(received.0).ok_or(LedgerError::Overflow)?;
        let goods = self.goods.checked_add(sold.0).ok_or(LedgerError::Overflow)?;
        post_both(ledger, commodity, (GoodsEntry::Imported, sold), (MoneyEntry::PaidAbroad, received))?;
        *self = Self { money, goods };
        Ok(())
    }

    /// Settles a bid from outside: `paid` money comes into the world and goes to the house, `bought` units leave it.
    ///
    /// # Errors
    /// When an amount is negative, the commodity is unknown, or a sum does not fit.
    pub fn settle_export(
        &mut self,
        ledger: &mut Ledger,
        commodity: CommodityId,
        (bought, paid): (Goods, Money),
    ) -> Result<(), LedgerError> {
        positive(bought.0)?;
        positive(paid.0)?;
        let money = self.money.checked_add(paid.0).ok_or(LedgerError::Overflow)?;
        let goods = self.goods.checked_sub(bought.0).ok_or(LedgerError::Overflow)?;
        post_both(ledger, commodity, (GoodsEntry::Exported, bought), (MoneyEntry::EarnedAbroad, paid))?;
        *self = Self { money, goods };
        Ok(())
    }

    /// Ends a clearing.
    ///
    /// # Errors
    /// When something is left with nobody.
    pub fn close(self) -> Result<(), LedgerError> {
        if self == Self::default() {
            Ok(())
        } else {
            Err(LedgerError::Unbalanced { money: self.money, goods: self.goods })
        }
    }
}

/// Posts goods and money, both or neither.
fn post_both(
    ledger: &mut Ledger,
    commodity: CommodityId,
    (goods, units): (GoodsEntry, Goods),
    (money, amount): (MoneyEntry, Money),
) -> Result<(), LedgerError> {
    if ledger.money(money).checked_add(amount.0).is_none() {
        return Err(LedgerError::Overflow);
    }
    ledger.post_goods(commodity, goods, units.0).ok_or(LedgerError::Overflow)?;
    ledger.post_money(money, amount.0).ok_or(LedgerError::Overflow)
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

    const WOOD: CommodityId = CommodityId(1);

    fn holder(ledger: &mut Ledger, money: i64, wood: i64) -> (Purse, Stock) {
        let mut purse = Purse::default();
        let mut stock = Stock { goods: PerCommodity::from_fn(2, |_| Holding::default()) };
        create_money(ledger, &mut purse, Money(money), MoneyEntry::Endowed).expect("fits");
        create_goods(ledger, &mut stock, WOOD, Goods(wood), GoodsEntry::Endowed).expect("fits");
        (purse, stock)
    }

    #[test]
    fn a_trade_balances_and_gives_back_what_covered_nothing() {
        let mut ledger = Ledger::new(2);
        let (mut buyer, mut his) = holder(&mut ledger, 100, 0);
        let (mut seller, mut hers) = holder(&mut ledger, 0, 9);
        escrow_money(&mut buyer, Money(80)).expect("covered");
        escrow_goods(&mut hers, WOOD, Goods(5)).expect("covered");
        let mut house = ClearingHouse::default();
        house.settle_bid(&mut buyer, &mut his, WOOD, (Money(80), Money(30), Goods(3))).expect("settled");
        assert_eq!(house.close(), Err(LedgerError::Unbalanced { money: 30, goods: -3 }));
        house.settle_ask(&mut seller, &mut hers, WOOD, (Goods(5), Goods(3), Money(30))).expect("settled");
        assert_eq!(house.close(), Ok(()));
        assert_eq!((buyer.free, buyer.escrow, seller.free), (Money(70), Money::ZERO, Money(30)));
        assert_eq!((his.free(WOOD), hers.free(WOOD)), (3, 6));
        assert_eq!(audit(&ledger, [(&buyer, &his), (&seller, &hers)].into_iter()), Ok(()));
    }

    #[test]
    fn trade_with_the_outside_balances_and_is_posted_by_kind() {
        let mut ledger = Ledger::new(2);
        let (mut purse, mut stock) = holder(&mut ledger, 100, 9);
        escrow_money(&mut purse, Money(40)).expect("covered");
        let mut house = ClearingHouse::default();
        house.settle_bid(&mut purse, &mut stock, WOOD, (Money(40), Money(30), Goods(3))).expect("settled");
        house.settle_import(&mut ledger, WOOD, (Goods(3), Money(30))).expect("settled");
        assert_eq!(house.close(), Ok(()));
        escrow_goods(&mut stock, WOOD, Goods(5)).expect("covered");
        house.settle_ask(&mut purse, &mut stock, WOOD, (Goods(5), Goods(4), Money(48))).expect("settled");
        house.settle_export(&mut ledger, WOOD, (Goods(4), Money(48))).expect("settled");
        assert_eq!(house.close(), Ok(()));
        destroy_money(&mut ledger, &mut purse, Money(8), MoneyEntry::Taken).expect("there");
        assert!(destroy_money(&mut ledger, &mut purse, Money(1_000), MoneyEntry::Taken).is_err());
        assert_eq!((purse.free, stock.free(WOOD)), (Money(110), 8));
        assert_eq!((ledger.money_expected(), ledger.goods_expected(WOOD)), (110, 8));
        assert_eq!(audit(&ledger, [(&purse, &stock)].into_iter()), Ok(()));
        let before = (ledger.clone(), house);
        assert!(house.settle_import(&mut ledger, WOOD, (Goods(-1), Money(1))).is_err());
        assert!(house.settle_export(&mut ledger, CommodityId(7), (Goods(1), Money(1))).is_err());
        assert!(house.settle_export(&mut ledger, WOOD, (Goods(1), Money(i64::MAX))).is_err());
        assert_eq!((ledger, house), before);
    }

    #[test]
    fn what_cannot_be_moves_nothing() {
        let mut ledger = Ledger::new(2);
        let (mut purse, mut stock) = holder(&mut ledger, 100, 5);
        let before = (ledger.clone(), purse, stock.clone());
        let mut house = ClearingHouse::default();
        assert!(escrow_money(&mut purse, Money(101)).is_err());
        assert!(escrow_money(&mut purse, Money(-1)).is_err());
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
