//! Order books: what must hold whatever is written into them.

use std::collections::BTreeMap;

use proptest::prelude::*;
use worldtick::components::market::Side;
use worldtick::systems::economy::book::{Book, Clearing, Fill, Order, OrderRefused, PRICE_MAX, QUANTITY_MAX};
use worldtick::world::spec::ClearingRule;

const RULES: [ClearingRule; 2] = [ClearingRule::Midpoint, ClearingRule::Uniform];

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Bid), Just(Side::Ask)]
}

/// Prices that meet often, and now and then the extremes.
fn price() -> impl Strategy<Value = u32> {
    prop_oneof![8 => 90_u32..110, 2 => 1_u32..2_000, 1 => Just(1_u32), 1 => Just(PRICE_MAX)]
}

fn quantity() -> impl Strategy<Value = u32> {
    prop_oneof![8 => 1_u32..12, 1 => Just(QUANTITY_MAX)]
}

/// One order for each trader, so that fills can be told apart.
fn orders(most: usize) -> impl Strategy<Value = Vec<Order>> {
    prop::collection::vec((side(), price(), quantity()), 0..most).prop_map(|drafts| {
        let numbered = (0_u32..).zip(drafts);
        numbered.map(|(trader, (side, price, quantity))| Order { side, price, quantity, trader }).collect()
    })
}

fn clear(orders: &[Order], rule: ClearingRule) -> (Clearing, Vec<Fill>) {
    let mut book = Book::default();
    for order in orders {
        book.submit(*order).expect("an order within the limits");
    }
    (book.match_orders(rule), book.fills().to_vec())
}

fn filled(fills: &[Fill], order: &Order) -> u64 {
    let of_trader = |fill: &&Fill| match order.side {
        Side::Bid => fill.buyer == order.trader,
        Side::Ask => fill.seller == order.trader,
    };
    fills.iter().filter(of_trader).map(|fill| u64::from(fill.quantity)).sum()
}

fn goes_first(a: &Order, b: &Order) -> bool {
    let price = match a.side {
        Side::Bid => b.price.cmp(&a.price),
        Side::Ask => a.price.cmp(&b.price),
    };
    price.then(b.quantity.cmp(&a.quantity)).then(a.trader.cmp(&b.trader)).is_lt()
}

proptest! {
    #[test]
    fn money_and_goods_only_change_hands(orders in orders(60)) {
        for rule in RULES {
            let (clearing, fills) = clear(&orders, rule);
            let units: u64 = fills.iter().map(|fill| u64::from(fill.quantity)).sum();
            let money: u128 = fills.iter().map(|fill| u128::from(fill.price) * u128::from(fill.quantity)).sum();
            prop_assert_eq!(clearing.volume, units);
            prop_assert_eq!(clearing.turnover, money);
            for side in [Side::Bid, Side::Ask] {
                let wanted: u64 = orders.iter().filter(|o| o.side == side).map(|o| u64::from(o.quantity)).sum();
                let traded: u64 = orders.iter().filter(|o| o.side == side).map(|o| filled(&fills, o)).sum();
                let left = if side == Side::Bid { clearing.bids_unfilled } else { clearing.asks_unfilled };
                prop_assert_eq!(traded, units);
                prop_assert_eq!(wanted, traded + left);
            }
        }
    }

    #[test]
    fn no_trade_is_left_undone(orders in orders(60)) {
        let (clearing, fills) = clear(&orders, ClearingRule::Midpoint);
        if let (Some(bid), Some(ask)) = (clearing.best_bid, clearing.best_ask) {
            prop_assert!(bid < ask);
        }
        let open = |order: &&Order| filled(&fills, order) < u64::from(order.quantity);
        let best_bid = orders.iter().filter(|o| o.side == Side::Bid).filter(open).map(|o| o.price).max();
        let best_ask = orders.iter().filter(|o| o.side == Side::Ask).filter(open).map(|o| o.price).min();
        prop_assert_eq!((clearing.best_bid, clearing.best_ask), (best_bid, best_ask));
    }

    #[test]
    fn price_then_size_then_number_decide_who_trades(orders in orders(60)) {
        let (_, fills) = clear(&orders, ClearingRule::Midpoint);
        for first in &orders {
            for second in orders.iter().filter(|second| second.side == first.side && goes_first(first, second)) {
                if filled(&fills, second) > 0 {
                    prop_assert_eq!(filled(&fills, first), u64::from(first.quantity), "{:?} before {:?}", first, second);
                }
            }
        }
    }

    #[test]
    fn nobody_gets_a_price_beyond_his_own(orders in orders(60)) {
        let by_trader: BTreeMap<u32, Order> = orders.iter().map(|order| (order.trader, *order)).collect();
        for rule in RULES {
            let (_, fills) = clear(&orders, rule);
            for fill in &fills {
                prop_assert!(by_trader[&fill.seller].price <= fill.price && fill.price <= by_trader[&fill.buyer].price);
            }
            for order in &orders {
                prop_assert!(filled(&fills, order) <= u64::from(order.quantity));
            }
        }
    }

    #[test]
    fn both_rules_trade_the_same_goods_between_the_same_people(orders in orders(60)) {
        let (midpoint, pairs) = clear(&orders, ClearingRule::Midpoint);
        let (uniform, same) = clear(&orders, ClearingRule::Uniform);
        prop_assert_eq!(midpoint.volume, uniform.volume);
        let goods = |fills: &[Fill]| fills.iter().map(|f| (f.buyer, f.seller, f.quantity)).collect::<Vec<_>>();
        prop_assert_eq!(goods(&pairs), goods(&same));
        prop_assert!(same.windows(2).all(|two| two[0].price == two[1].price));
        if let Some(fill) = same.first() {
            prop_assert!(uniform.best_bid.is_none_or(|bid| bid <= fill.price));
            prop_assert!(uniform.best_ask.is_none_or(|ask| ask >= fill.price));
        }
    }

    #[test]
    fn nobody_sells_to_himself(drafts in prop::collection::vec((side(), price(), quantity(), 0_u32..6), 0..40)) {
        let mut book = Book::default();
        let mut stands: BTreeMap<u32, Side> = BTreeMap::new();
        for (side, price, quantity, trader) in drafts {
            let taken = book.submit(Order { side, price, quantity, trader });
            let stand = *stands.entry(trader).or_insert(side);
            prop_assert_eq!(taken, if stand == side { Ok(()) } else { Err(OrderRefused::OtherSide(trader)) });
        }
        book.match_orders(ClearingRule::Midpoint);
        prop_assert!(book.fills().iter().all(|fill| fill.buyer != fill.seller));
    }

    #[test]
    fn small_books_reach_the_best_that_is_possible(
        drafts in prop::collection::vec((side(), 1_u32..20, 1_u32..4), 0..7)
    ) {
        let orders: Vec<Order> = (0_u32..)
            .zip(drafts)
            .map(|(trader, (side, price, quantity))| Order { side, price, quantity, trader })
            .collect();
        let (clearing, _) = clear(&orders, ClearingRule::Midpoint);
        let units = |side| {
            let of_side = orders.iter().filter(move |order| order.side == side);
            of_side.flat_map(|order| std::iter::repeat_n(order.price, order.quantity as usize)).collect::<Vec<u32>>()
        };
        let (surplus, volume) = best_matching(&units(Side::Bid), &units(Side::Ask));
        prop_assert_eq!((clearing.surplus, clearing.volume), (u128::from(surplus), volume));
    }

    #[test]
    fn large_books_are_matched_as_plain_sorting_would(orders in many_orders()) {
        for rule in RULES {
            let (clearing, fills) = clear(&orders, rule);
            let pairs: Vec<_> = fills.iter().map(|fill| (fill.buyer, fill.seller, fill.quantity)).collect();
            prop_assert_eq!(&pairs, &plainly_matched(&orders));
            prop_assert_eq!(clearing.volume, pairs.iter().map(|(_, _, units)| u64::from(*units)).sum::<u64>());
        }
    }

    #[test]
    fn a_used_book_is_as_good_as_a_new_one(first in orders(40), second in orders(40)) {
        let mut used = Book::default();
        for order in &first {
            used.submit(*order).expect("taken");
        }
        used.match_orders(ClearingRule::Uniform);
        used.clear();
        for order in &second {
            used.submit(*order).expect("taken");
        }
        let clearing = used.match_orders(ClearingRule::Midpoint);
        prop_assert_eq!((clearing, used.fills().to_vec()), clear(&second, ClearingRule::Midpoint));
    }
}

/// So many orders that they are sorted otherwise than a few; narrow and wide prices, traders in order and not.
fn many_orders() -> impl Strategy<Value = Vec<Order>> {
    let price = prop_oneof![
        Just((90_u32..110).boxed()),
        Just((1_u32..=PRICE_MAX).boxed()),
        Just((4_000_u32..4_100).boxed()),
        Just(Just(77_u32).boxed())
    ];
    let quantity = prop_oneof![Just((1_u32..12).boxed()), Just((1_u32..=QUANTITY_MAX).boxed())];
    (price, quantity, any::<bool>()).prop_flat_map(|(price, quantity, in_order)| {
        prop::collection::vec((side(), price, quantity), 400..1_500).prop_map(move |drafts| {
            let count = u32::try_from(drafts.len()).expect("few");
            let numbered = (0..count).zip(drafts).map(|(number, (side, price, quantity))| {
                // Odd steps through a power of two come by every number once.
                let trader = if in_order { number } else { number.wrapping_mul(1_001) % 2_048 };
                Order { side, price, quantity, trader }
            });
            numbered.collect()
        })
    })
}

/// Who trades how much with whom, by the rules alone: sorted by comparison, one unit of bookkeeping after the other.
fn plainly_matched(orders: &[Order]) -> Vec<(u32, u32, u32)> {
    let sorted = |side| {
        let mut of_side: Vec<Order> = orders.iter().filter(|order| order.side == side).copied().collect();
        of_side.sort_by(|a, b| if goes_first(a, b) { std::cmp::Ordering::Less } else { std::cmp::Ordering::Greater });
        of_side
    };
    let (mut bids, mut asks) = (sorted(Side::Bid), sorted(Side::Ask));
    let (mut bid, mut ask, mut pairs) = (0, 0, Vec::new());
    while bid < bids.len() && ask < asks.len() && bids[bid].price >= asks[ask].price {
        let units = bids[bid].quantity.min(asks[ask].quantity);
        pairs.push((bids[bid].trader, asks[ask].trader, units));
        bids[bid].quantity -= units;
        asks[ask].quantity -= units;
        bid += usize::from(bids[bid].quantity == 0);
        ask += usize::from(asks[ask].quantity == 0);
    }
    pairs
}

/// The most surplus that any pairing of single units gives, and the most units with which it does: every subset of the
/// asks is tried, unit by unit of the bids.
fn best_matching(bids: &[u32], asks: &[u32]) -> (u64, u64) {
    let mut best: Vec<Option<(u64, u64)>> = vec![None; 1 << asks.len()];
    best[0] = Some((0, 0));
    for bid in bids {
        // Falling, so that this unit is used once at most.
        for taken in (0..best.len()).rev() {
            let Some((surplus, units)) = best[taken] else { continue };
            for (ask, price) in asks.iter().enumerate().filter(|(ask, _)| taken & (1 << ask) == 0) {
                let Some(gain) = bid.checked_sub(*price) else { continue };
                let with = &mut best[taken | (1 << ask)];
                *with = (*with).max(Some((surplus + u64::from(gain), units + 1)));
            }
        }
    }
    best.into_iter().flatten().max().unwrap_or((0, 0))
}
