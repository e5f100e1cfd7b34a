//! A record as comma-separated values.

use std::fmt::Write;

use super::record::Record;

impl Record {
    /// A line for each hour after a header. Money is in major units; an efficiency that could not be measured is empty.
    pub fn to_csv(&self) -> String {
        let mut text = String::from("hour");
        for name in &self.commodities {
            for column in
                ["price", "volume", "bids_unfilled", "asks_unfilled", "efficiency", "produced", "consumed", "imported"]
            {
                // Writing to a string cannot fail.
                let _ = write!(text, ",{name}_{column}");
            }
        }
        for name in &self.roles {
            let _ = write!(text, ",{name}_count,{name}_utilisation");
        }
        text.push_str(",work_force,meals_due,meals_met");
        for what in ["money", "wealth"] {
            let _ = write!(text, ",{what}_p10,{what}_median,{what}_p90,{what}_top_share,{what}_gini");
        }
        text.push('\n');
        for sample in &self.samples {
            let _ = write!(text, "{}", sample.hour);
            for market in &sample.markets {
                let efficiency = market.efficiency.map(|share| format!("{share:.4}")).unwrap_or_default();
                let _ = write!(
                    text,
                    ",{:.2},{},{},{},{efficiency},{},{},{}",
                    market.price / 100.0,
                    market.volume,
                    market.bids_unfilled,
                    market.asks_unfilled,
                    market.produced,
                    market.consumed,
                    market.imported
                );
            }
            for role in &sample.roles {
                let _ = write!(text, ",{},{:.4}", role.count, role.utilisation);
            }
            let _ = write!(text, ",{:.2},{},{}", sample.work_force, sample.meals_due, sample.meals_met);
            for spread in [sample.money, sample.wealth] {
                let _ = write!(
                    text,
                    ",{:.2},{:.2},{:.2},{:.4},{:.4}",
                    spread.low / 100.0,
                    spread.median / 100.0,
                    spread.high / 100.0,
                    spread.top_share,
                    spread.gini
                );
            }
            text.push('\n');
        }
        text
    }
}
