//! The clearing house: what is on its way between those who pay and those who are paid.

use super::{LedgerError, positive};
use crate::components::market::{CommodityId, GoodsEntry, Holding, Ledger, MoneyEntry, Purse, Side};
use crate::components::money::{Goods, Money};

/// An order and what became of it, for its settlement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settlement {
    /// Which way it trades.
    pub side: Side,
    /// What covers it: minor units of money for a bid, units for an ask.
    pub covered: i64,
    /// Units traded.
    pub units: i64,
    /// Minor units of money paid or received.
    pub money: i64,
}

impl Settlement {
    /// Why it cannot be settled.
    #[cold]
    fn refusal(&self, purse: &Purse, held: &Holding) -> LedgerError {
        let Self { side, covered, units, money } = *self;
        if money.min(units) < 0 {
            return LedgerError::Negative(money.min(units));
        }
        match side {
            Side::Bid if purse.escrow.0 < covered || covered < money => {
                LedgerError::Money { wanted: Money(covered.max(money)), there: Money(purse.escrow.0.min(covered)) }
            }
            Side::Ask if held.escrow.0 < covered || covered < units => {
                LedgerError::Goods { wanted: Goods(covered.max(units)), there: Goods(held.escrow.0.min(covered)) }
            }
            _ => LedgerError::Overflow,
        }
    }
}

/// A number, with its sign turned where a mask is all ones; as it is, where the mask is all zeros.
#[inline]
pub(super) fn negated(number: i64, mask: i64) -> i64 {
    (number ^ mask).wrapping_sub(mask)
}

/// Money and goods on their way from one side of a clearing to the other. Empty again when all orders are settled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClearingHouse {
    money: i64,
    goods: i64,
}

impl ClearingHouse {
    /// Settles an order. A bid: of what covered it, what was paid goes to the house and the rest back to the purse, and what
    /// was bought comes from the house. An ask: of what covered it, what was sold goes to the house and the rest back to the
    /// stock, and what was received comes from the house.
    ///
    /// Bid or ask, filled or not: nobody can foretell it, so that all take the same steps, without a branch.
    ///
    /// # Errors
    /// When the escrow does not hold what was covered, more is traded than that, or a sum does not fit.
    #[inline]
    pub fn settle(&mut self, purse: &mut Purse, held: &mut Holding, order: Settlement) -> Result<(), LedgerError> {
        let Settlement { covered, units, money, .. } = order;
        let ask = order.side.ask_mask();
        let (money_covered, units_covered) = (covered & !ask, covered & ask);
        let traded = (money & !ask) | (units & ask);
        // What the trader receives, and what the house does; below zero for what they give.
        let (received, sold) = (negated(money, !ask), negated(units, !ask));
        let (free_money, no_money) = purse.free.0.overflowing_add(money_covered.wrapping_add(received));
        let (free_goods, no_goods) = held.free.0.overflowing_add(units_covered.wrapping_sub(sold));
        let (house_money, no_house_money) = self.money.overflowing_sub(received);
        let (house_goods, no_house_goods) = self.goods.overflowing_add(sold);
        let wrong = (money < 0)
            | (units < 0)
            | (covered < traded)
            | (purse.escrow.0 < money_covered)
            | (held.escrow.0 < units_covered)
            | (no_money | no_goods | no_house_money | no_house_goods);
        if wrong {
            return Err(order.refusal(purse, held));
        }
        *self = Self { money: house_money, goods: house_goods };
        purse.escrow = Money(purse.escrow.0 - money_covered);
        purse.free = Money(free_money);
        held.escrow = Goods(held.escrow.0 - units_covered);
        held.free = Goods(free_goods);
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

#[cfg(test)]
mod tests {
    use super::super::tests::{WOOD, holder};
    use super::super::{audit, destroy_money, escrow_goods, escrow_money};
    use super::*;
    use crate::components::market::Stock;

    fn settle(
        house: &mut ClearingHouse,
        (purse, stock): (&mut Purse, &mut Stock),
        side: Side,
        (covered, units, money): (i64, i64, i64),
    ) -> Result<(), LedgerError> {
        house.settle(purse, &mut stock.goods[WOOD], Settlement { side, covered, units, money })
    }

    #[test]
    fn a_trade_balances_and_gives_back_what_covered_nothing() {
        let mut ledger = Ledger::new(2);
        let (mut buyer, mut his) = holder(&mut ledger, 100, 0);
        let (mut seller, mut hers) = holder(&mut ledger, 0, 9);
        escrow_money(&mut buyer, Money(80)).expect("covered");
        escrow_goods(&mut hers, WOOD, Goods(5)).expect("covered");
        let mut house = ClearingHouse::default();
        settle(&mut house, (&mut buyer, &mut his), Side::Bid, (80, 3, 30)).expect("settled");
        assert_eq!(house.close(), Err(LedgerError::Unbalanced { money: 30, goods: -3 }));
        settle(&mut house, (&mut seller, &mut hers), Side::Ask, (5, 3, 30)).expect("settled");
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
        settle(&mut house, (&mut purse, &mut stock), Side::Bid, (40, 3, 30)).expect("settled");
        house.settle_import(&mut ledger, WOOD, (Goods(3), Money(30))).expect("settled");
        assert_eq!(house.close(), Ok(()));
        escrow_goods(&mut stock, WOOD, Goods(5)).expect("covered");
        settle(&mut house, (&mut purse, &mut stock), Side::Ask, (5, 4, 48)).expect("settled");
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
    fn what_cannot_be_settled_moves_nothing_and_says_why() {
        let mut ledger = Ledger::new(2);
        let (mut purse, mut stock) = holder(&mut ledger, i64::MAX, 9);
        escrow_money(&mut purse, Money(80)).expect("covered");
        escrow_goods(&mut stock, WOOD, Goods(5)).expect("covered");
        let money = |wanted, there| LedgerError::Money { wanted: Money(wanted), there: Money(there) };
        let goods = |wanted, there| LedgerError::Goods { wanted: Goods(wanted), there: Goods(there) };
        let refused = [
            (Side::Bid, (81, 1, 1), money(81, 80)),
            (Side::Bid, (80, 1, 81), money(81, 80)),
            (Side::Bid, (-1, 0, 0), money(0, -1)),
            (Side::Bid, (80, -1, 1), LedgerError::Negative(-1)),
            (Side::Bid, (80, 1, -1), LedgerError::Negative(-1)),
            (Side::Bid, (80, i64::MAX, 1), LedgerError::Overflow),
            (Side::Ask, (6, 1, 1), goods(6, 5)),
            (Side::Ask, (5, 6, 1), goods(6, 5)),
            (Side::Ask, (5, 1, -1), LedgerError::Negative(-1)),
            (Side::Ask, (5, 1, 81), LedgerError::Overflow),
        ];
        let before = (purse, stock.clone());
        for (side, order, error) in refused {
            let mut house = ClearingHouse::default();
            let settled = settle(&mut house, (&mut purse, &mut stock), side, order);
            assert_eq!(settled, Err(error), "{side:?} {order:?}");
            assert_eq!((&(purse, stock.clone()), house.close()), (&before, Ok(())), "{side:?} {order:?}");
        }
    }
}
