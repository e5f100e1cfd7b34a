//! The answer to where money and goods come from and go to.

use bevy_ecs::prelude::*;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::components::market::{GoodsEntry, Ledger, MoneyEntry, Treasury};
use crate::components::money::Money;
use crate::systems::economy::model::Economy;
use crate::world::{Answer, WorldQuery};

/// Asks for all sums of the ledger, by kind.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AskLedger {}

impl WorldQuery for AskLedger {
    const NAME: &'static str = "economy.ledger";
}

/// Answers [`AskLedger`]. The sums are from the world's beginning: what happened over a span is the difference of two
/// answers.
pub fn show_ledger(
    _: In<AskLedger>,
    economy: Option<Res<Economy>>,
    ledger: Option<Res<Ledger>>,
    treasury: Query<&Treasury>,
) -> Answer {
    let (Some(economy), Some(ledger)) = (economy, ledger) else {
        return Err("the world has no economy".into());
    };
    let money: Map<String, Value> =
        MoneyEntry::ALL.into_iter().map(|entry| (name(entry), json!(Money(ledger.money(entry)).to_major()))).collect();
    let mut goods = Map::new();
    for (id, commodity) in economy.commodity_ids().zip(&economy.commodities) {
        let mut sums: Map<String, Value> =
            GoodsEntry::ALL.into_iter().map(|entry| (name(entry), json!(ledger.goods(id, entry)))).collect();
        sums.insert("there".into(), json!(ledger.goods_expected(id)));
        goods.insert(commodity.name.clone(), Value::Object(sums));
    }
    let treasury = treasury.iter().next().map(|treasury| {
        json!({
            "money": Money(ledger.money_of_treasury()).to_major(),
            "collected": treasury.collected.to_major(),
            "due": treasury.due.to_major(),
            "paid": treasury.paid.to_major(),
        })
    });
    Ok(json!({
        "money": money,
        "money_of_traders": Money(ledger.money_of_traders()).to_major(),
        "treasury": treasury,
        "goods": goods,
    }))
}

/// The name of a kind, as it is written everywhere.
fn name(entry: impl serde::Serialize) -> String {
    serde_json::to_value(entry).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}
