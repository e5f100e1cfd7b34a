//! Agents that worlds begin with: imported whole, read whole. They are under no lease: a world keeps what it read when it
//! was registered.

use std::collections::BTreeMap;

use serde_json::json;

use super::StoreError;
use super::error::Failure;
use super::store::Store;
use super::value::{Row, values};
use crate::world::spec::AgentSpec;

const TABLE: &str = "market_agent";

/// An agent as it is stored. Without a number it is drawn.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AgentRow {
    /// Its role.
    pub role: String,
    /// The market place where it begins.
    pub place: Option<String>,
    /// Its money, in minor units.
    pub money: i64,
    /// Units that it has room for.
    pub capacity: Option<i64>,
    /// Output against the recipe's.
    pub skill: Option<f64>,
    /// 0 to 1: offers more of a stock at once.
    pub risk_tolerance: Option<f64>,
    /// 0 to 1: quotes further past its belief.
    pub impatience: Option<f64>,
    /// 0 to 1: follows the market without experience of its own.
    pub social_influence: Option<f64>,
    /// 0.01 to 1: how far one trade moves a belief.
    pub learning_rate: Option<f64>,
    /// Units by commodity, as JSON.
    pub stocks: String,
    /// Prices in minor units by commodity, as JSON.
    pub beliefs: String,
}

impl TryFrom<AgentRow> for AgentSpec {
    type Error = String;

    fn try_from(row: AgentRow) -> Result<Self, String> {
        let read = |text: &str| serde_json::from_str(text).map_err(|error| format!("market_agent: {error}"));
        Ok(Self {
            stocks: read(&row.stocks)?,
            beliefs: read(&row.beliefs)?,
            role: row.role,
            place: row.place,
            money: row.money,
            capacity: row.capacity,
            skill: row.skill,
            risk_tolerance: row.risk_tolerance,
            impatience: row.impatience,
            social_influence: row.social_influence,
            learning_rate: row.learning_rate,
        })
    }
}

impl From<&AgentSpec> for AgentRow {
    fn from(agent: &AgentSpec) -> Self {
        let text = |numbers: &BTreeMap<String, i64>| json!(numbers).to_string();
        Self {
            role: agent.role.clone(),
            place: agent.place.clone(),
            money: agent.money,
            capacity: agent.capacity,
            skill: agent.skill,
            risk_tolerance: agent.risk_tolerance,
            impatience: agent.impatience,
            social_influence: agent.social_influence,
            learning_rate: agent.learning_rate,
            stocks: text(&agent.stocks),
            beliefs: text(&agent.beliefs),
        }
    }
}

impl Store {
    /// Puts these agents in the place of all that the table has for a world, in their order, in one transaction.
    ///
    /// # Errors
    /// What can befall a write; then nothing has changed.
    pub async fn replace_agents(&self, world_id: &str, agents: &[AgentRow], at: i64) -> Result<(), StoreError> {
        let fail = |failure: Failure| failure.into_error("store agents", TABLE);
        let mut session = self.inner.engine.background().await.map_err(fail)?;
        session.execute("DELETE FROM market_agent WHERE world_id = $1", &values![world_id]).await.map_err(fail)?;
        let sql = "INSERT INTO market_agent (world_id, number, role, money, capacity, skill, risk_tolerance, impatience, \
                   social_influence, learning_rate, stocks, beliefs, imported_at, place) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
        for (number, agent) in (1_i64..).zip(agents) {
            let values = values![
                world_id,
                number,
                &agent.role,
                agent.money,
                agent.capacity,
                agent.skill,
                agent.risk_tolerance,
                agent.impatience,
                agent.social_influence,
                agent.learning_rate,
                &agent.stocks,
                &agent.beliefs,
                at,
                &agent.place,
            ];
            session.execute(sql, &values).await.map_err(fail)?;
        }
        session.commit().await.map_err(fail)
    }

    /// The agents that the table has for a world, in the order in which they were imported.
    ///
    /// # Errors
    /// What can befall a query.
    pub async fn agents(&self, world_id: &str) -> Result<Vec<AgentRow>, StoreError> {
        let sql = "SELECT role, money, capacity, skill, risk_tolerance, impatience, social_influence, learning_rate, stocks, \
                   beliefs, place FROM market_agent WHERE world_id = $1 ORDER BY number";
        let mut session = self.reader("read agents").await?;
        let rows = session.fetch(sql, &values![world_id]).await;
        let rows = rows.map_err(|failure| failure.into_error("read agents", TABLE))?;
        rows.iter().map(agent_row).collect()
    }
}

fn agent_row(row: &Row) -> Result<AgentRow, StoreError> {
    let mut columns = row.read(TABLE);
    Ok(AgentRow {
        role: columns.text()?,
        money: columns.int()?,
        capacity: columns.int_or_none()?,
        skill: columns.real_or_none()?,
        risk_tolerance: columns.real_or_none()?,
        impatience: columns.real_or_none()?,
        social_influence: columns.real_or_none()?,
        learning_rate: columns.real_or_none()?,
        stocks: columns.text()?,
        beliefs: columns.text()?,
        place: columns.text_or_none()?,
    })
}
