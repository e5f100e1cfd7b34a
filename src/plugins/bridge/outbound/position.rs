//! Where publishing stands: what Kafka tells of it, and what to do when Kafka knows more or less than it should.

use std::collections::BTreeMap;

use super::publisher::{Next, Publisher};
use super::session::{Failure, Session};
use super::{Ahead, OutboxSource, PublisherFatal, PublisherStatus};
use crate::plugins::bridge::edge::lock;
use crate::plugins::store::ShardId;

impl<S: OutboxSource> Publisher<S> {
    /// After a transaction that failed, or trouble with the brokers: whether Kafka still has what came before it.
    pub(super) fn look_again(&mut self) -> Next {
        let Some(session) = self.session.take() else { return Next::Go };
        match self.find_position(&session) {
            Ok(()) => {
                session.is_well();
                self.session = Some(session);
                self.remember_positions();
                Next::Go
            }
            // Without a session: the next one finds out.
            Err(next) => next,
        }
    }

    /// Reads the position, and takes it over. Afterwards Kafka has it, too.
    pub(super) fn find_position(&mut self, session: &Session) -> Result<(), Next> {
        let shards: Vec<ShardId> = self.positions.keys().copied().collect();
        let committed = match session.positions(&shards) {
            // This producer has none open: the brokers have forgotten to end one.
            Err(Failure::Hanging(detail)) => {
                tracing::error!(detail, "Kafka has not ended a transaction of the outbox; it is ended now");
                let ended = session.ended_positions(&shards).map_err(|failure| self.unpositioned(failure))?;
                self.go_back(session, &ended)?
            }
            Ok(committed) if self.may_go_back() && self.has_lost(&committed) => self.go_back(session, &committed)?,
            Ok(committed) => committed,
            Err(failure) => return Err(self.unpositioned(failure)),
        };
        let ahead = self.ahead_of_store(&committed);
        if !ahead.is_empty() {
            return Err(Next::End(Some(PublisherFatal::AheadOfStore(ahead))));
        }
        for (&shard, &committed) in &committed {
            // No committed position is not zero: the mark stands.
            if let Some(position) = self.positions.get_mut(&shard) {
                *position = committed.max(*position);
            }
        }
        // A mark that has come from elsewhere becomes Kafka's own: whatever lies below it from now on has been lost here.
        let unknown = |(shard, position): (&ShardId, &i64)| *position > committed.get(shard).copied().unwrap_or(0);
        if self.positions.iter().any(unknown) {
            let waits = |detail| self.set_status(PublisherStatus::Retrying { detail });
            session.commit_positions(&self.positions, &waits).map_err(|failure| self.unpositioned(failure))?;
        }
        self.doubtful = false;
        Ok(())
    }

    /// Whether what had been acknowledged is not committed any more.
    fn has_lost(&self, committed: &BTreeMap<ShardId, i64>) -> bool {
        committed.iter().any(|(shard, id)| self.positions.get(shard).is_some_and(|position| position > id))
    }

    /// A mark that was made on another cluster says nothing of what this one has lost.
    fn may_go_back(&self) -> bool {
        self.had_position || self.config.marks_are_of_this_cluster
    }

    /// Goes back to what is committed, after it has seen to it that nothing of what lies beyond is ever read. Returns the
    /// positions that are then told.
    fn go_back(
        &mut self,
        session: &Session,
        committed: &BTreeMap<ShardId, i64>,
    ) -> Result<BTreeMap<ShardId, i64>, Next> {
        let mut from = self.positions.clone();
        if self.may_go_back() {
            let told = committed.iter().filter_map(|(shard, id)| Some((*shard, (*from.get(shard)?).min(*id))));
            from.extend(told.collect::<Vec<_>>());
        }
        self.void(session, &from)?;
        let shards: Vec<ShardId> = from.keys().copied().collect();
        let told = session.positions(&shards).map_err(|failure| self.unpositioned(failure))?;
        for (shard, acknowledged) in self.positions.iter().filter(|(shard, id)| from.get(shard) != Some(id)) {
            tracing::error!(
                shard,
                acknowledged,
                committed = from.get(shard),
                "Kafka has lost events that it had acknowledged; they are published again as far as the outbox has them"
            );
        }
        self.positions = from;
        Ok(told)
    }

    /// Voids every row from here on that this producer may have sent: what was acknowledged, and a transaction beyond,
    /// whose outcome may be unknown. A row may have taken any partition, and each has to be touched.
    fn void(&mut self, session: &Session, from: &BTreeMap<ShardId, i64>) -> Result<(), Next> {
        let sent_at_most = i64::try_from(self.config.rows_max).unwrap_or(i64::MAX);
        let last: BTreeMap<ShardId, i64> =
            self.positions.iter().map(|(shard, id)| (*shard, id.saturating_add(sent_at_most))).collect();
        let mut at = from.clone();
        loop {
            let batch = self.collect_from(&at)?;
            let waits = |detail| self.set_status(PublisherStatus::Retrying { detail });
            match session.void(&batch, from, &waits) {
                Ok(()) => {}
                Err(Failure::TooLarge { indices, certain }) => {
                    if let Some(next) = self.note_too_large(&batch, &indices, certain) {
                        return Err(next);
                    }
                    continue;
                }
                Err(failure) => return Err(self.unpositioned(failure)),
            }
            at.extend(batch.marks());
            if batch.rows.is_empty() || at.iter().all(|(shard, id)| last.get(shard).is_none_or(|last| id >= last)) {
                return Ok(());
            }
        }
    }

    /// What to do when it is not known where publishing stands: everything from the beginning.
    pub(super) fn unpositioned(&mut self, failure: Failure) -> Next {
        self.session = None;
        match failure {
            Failure::Fatal(detail) => self.give_up(detail),
            Failure::Held(detail) | Failure::Hanging(detail) => self.hold(detail),
            Failure::Again(detail) | Failure::Unknown(detail) => self.retry(detail),
            Failure::TooLarge { .. } => self.retry("unexpected size error".to_owned()),
            Failure::Stopped => Next::Go,
        }
    }

    /// The shards of which Kafka knows more than the database. The first time what counts is what the database had given
    /// out when this publisher began: ids that were given out since would hide what a restored back-up has forgotten.
    fn ahead_of_store(&self, committed: &BTreeMap<ShardId, i64>) -> Vec<Ahead> {
        let known = match self.had_position {
            true => lock(&self.links.shared.last_assigned).clone(),
            false => self.config.last_assigned.clone(),
        };
        let all = committed.iter().map(|(&shard, &committed)| Ahead {
            shard,
            committed,
            assigned: known.get(&shard).copied().unwrap_or(0),
        });
        all.filter(|ahead| ahead.committed > ahead.assigned).collect()
    }
}
