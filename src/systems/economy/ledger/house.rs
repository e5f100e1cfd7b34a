//! The clearing house: what is on its way between those who pay and those who are paid.

use super::{LedgerError, holding, positive};
use crate::components::market::{CommodityId, GoodsEntry, Ledger, MoneyEntry, Purse, Stock};
use crate::components::money::{Goods, Money};

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

#[cfg(test)]
mod tests {
    use super::super::tests::{WOOD, holder};
    use super::super::{audit, destroy_money, escrow_goods, escrow_money};
    use super::*;

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
}
