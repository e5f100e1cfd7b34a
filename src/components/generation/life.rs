//! The life of a job, as one pure state machine: everything that can happen to a job goes through [`Life::take`].

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// It waits in its world for its turn.
    Pending,
    /// Its world has let it go: it waits for the edge, or for a worker.
    Queued,
    /// A worker has begun.
    Running,
    /// It was done. Final.
    Succeeded,
    /// It cannot be done. Final.
    Failed,
    /// Nobody wants it any more, or it had to make room. Final.
    Cancelled,
    /// Its deadline passed. Final.
    Expired,
    /// It was tried as often as it may be. Final; it can be sent again as another job.
    Dead,
}

impl JobState {
    /// All of them, in the order of a life.
    pub const ALL: [Self; 8] = [
        Self::Pending,
        Self::Queued,
        Self::Running,
        Self::Succeeded,
        Self::Failed,
        Self::Cancelled,
        Self::Expired,
        Self::Dead,
    ];

    /// Its name, as in events and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::Dead => "dead",
        }
    }

    /// The state of a name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// Whether nothing can happen to it any more.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Pending | Self::Queued | Self::Running)
    }

    /// Whether its world has let it go and nothing has come of it yet.
    pub fn is_in_flight(self) -> bool {
        matches!(self, Self::Queued | Self::Running)
    }
}

/// What can happen to a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LifeEvent {
    /// Its world lets it go.
    Dispatch,
    /// The edge lets it go: it is sent to the workers, once more.
    Admit,
    /// A worker has begun with this attempt.
    Start(u8),
    /// A worker has done it, with this attempt.
    Succeed(u8),
    /// A worker could not do it with this attempt, or said nothing for too long.
    Fail {
        /// The attempt.
        attempt: u8,
        /// Whether another attempt may do better.
        again: bool,
    },
    /// Nobody wants it any more.
    Cancel,
    /// Its deadline has passed.
    Expire,
}

/// Why something that was said of a job changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The job is over.
    Over,
    /// It is of an attempt before the present one.
    Late,
    /// The attempt has had its result.
    Duplicate,
    /// The attempt has not been made yet.
    Early,
}

impl Refusal {
    /// Its name, as in answers and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Over => "finished",
            Self::Late => "late",
            Self::Duplicate => "duplicate",
            Self::Early => "early",
        }
    }
}

/// Where a job stands, with its attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Life {
    state: JobState,
    attempt: u8,
    attempts_max: u8,
    sent: bool,
}

impl Life {
    /// A life that begins, with so many attempts at most (at least one).
    pub fn new(attempts_max: u8) -> Self {
        Self { state: JobState::Pending, attempt: 0, attempts_max: attempts_max.max(1), sent: false }
    }

    /// Where it stands.
    pub fn state(self) -> JobState {
        self.state
    }

    /// How often it was sent to the workers.
    pub fn attempt(self) -> u8 {
        self.attempt
    }

    /// How often it may be.
    pub fn attempts_max(self) -> u8 {
        self.attempts_max
    }

    /// Whether it is with the workers, or on its way to them.
    pub fn is_sent(self) -> bool {
        self.sent
    }

    /// Whether it waits for the edge to let it go.
    pub fn waits_for_edge(self) -> bool {
        self.state == JobState::Queued && !self.sent
    }

    /// Whether a word of a worker about an attempt is of the present one.
    ///
    /// # Errors
    /// When it is not: it changes nothing.
    pub fn hears(self, attempt: u8) -> Result<(), Refusal> {
        match attempt {
            _ if self.state.is_final() => Err(Refusal::Over),
            attempt if attempt > self.attempt || attempt == 0 => Err(Refusal::Early),
            attempt if attempt < self.attempt => Err(Refusal::Late),
            _ if !self.sent => Err(Refusal::Duplicate),
            _ => Ok(()),
        }
    }

    /// The life after something has happened.
    ///
    /// # Errors
    /// When it cannot happen now: the life stays as it is.
    pub fn take(self, event: LifeEvent) -> Result<Self, Refusal> {
        let now = |state, sent| Ok(Self { state, sent, ..self });
        match event {
            _ if self.state.is_final() => Err(Refusal::Over),
            LifeEvent::Dispatch if self.state == JobState::Pending => now(JobState::Queued, false),
            LifeEvent::Dispatch => Err(Refusal::Duplicate),
            LifeEvent::Admit if self.state == JobState::Pending => Err(Refusal::Early),
            LifeEvent::Admit if self.sent => Err(Refusal::Duplicate),
            LifeEvent::Admit => Ok(Self { attempt: self.attempt.saturating_add(1), sent: true, ..self }),
            LifeEvent::Start(attempt) => self.hears(attempt).and_then(|()| match self.state {
                JobState::Running => Err(Refusal::Duplicate),
                _ => now(JobState::Running, true),
            }),
            LifeEvent::Succeed(attempt) => self.hears(attempt).and_then(|()| now(JobState::Succeeded, false)),
            LifeEvent::Fail { attempt, again } => self.hears(attempt).and_then(|()| match again {
                false => now(JobState::Failed, false),
                true if self.attempt < self.attempts_max => now(JobState::Queued, false),
                true => now(JobState::Dead, false),
            }),
            LifeEvent::Cancel => now(JobState::Cancelled, false),
            LifeEvent::Expire => now(JobState::Expired, false),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn events() -> impl Strategy<Value = Vec<LifeEvent>> {
        let attempt = 0_u8..5;
        let one = prop_oneof![
            3 => Just(LifeEvent::Dispatch),
            5 => Just(LifeEvent::Admit),
            2 => attempt.clone().prop_map(LifeEvent::Start),
            1 => attempt.clone().prop_map(LifeEvent::Succeed),
            4 => (attempt, any::<bool>()).prop_map(|(attempt, often)| LifeEvent::Fail { attempt, again: often }),
            1 => Just(LifeEvent::Cancel),
            1 => Just(LifeEvent::Expire),
        ];
        prop::collection::vec(one, 0..60)
    }

    /// What a job has been through, told in another way than by the machine: how often it was sent, which attempts had
    /// their result, and whether it is over.
    #[derive(Default)]
    struct Story {
        let_go: bool,
        sent: Vec<bool>,
        ended: Option<JobState>,
    }

    impl Story {
        fn open_attempt(&self, attempt: u8) -> bool {
            self.ended.is_none()
                && usize::from(attempt) == self.sent.len()
                && self.sent.last().is_some_and(|answered| !answered)
        }

        /// Whether something changes anything, and how it ends where it does.
        fn hear(&mut self, event: LifeEvent, most: usize) -> bool {
            let over = self.ended.is_some();
            match event {
                LifeEvent::Dispatch if !over && !self.let_go => self.let_go = true,
                LifeEvent::Admit if !over && self.let_go && self.sent.last().is_none_or(|answered| *answered) => {
                    self.sent.push(false);
                }
                LifeEvent::Succeed(attempt) if self.open_attempt(attempt) => self.ended = Some(JobState::Succeeded),
                LifeEvent::Fail { attempt, again } if self.open_attempt(attempt) => {
                    if let Some(answered) = self.sent.last_mut() {
                        *answered = true;
                    }
                    self.ended = match again {
                        false => Some(JobState::Failed),
                        true if self.sent.len() >= most => Some(JobState::Dead),
                        true => None,
                    };
                }
                LifeEvent::Cancel if !over => self.ended = Some(JobState::Cancelled),
                LifeEvent::Expire if !over => self.ended = Some(JobState::Expired),
                _ => return false,
            }
            true
        }
    }

    proptest! {
        #[test]
        fn a_job_ends_once_whatever_is_said_of_it(events in events(), most in 1_u8..4) {
            let (mut life, mut story, mut ends) = (Life::new(most), Story::default(), 0);
            // At the end of time every deadline has passed.
            for event in events.into_iter().chain([LifeEvent::Expire]) {
                let before = life;
                let taken = life.take(event);
                let begun = matches!(event, LifeEvent::Start(_));
                let changes = story.hear(event, usize::from(most));
                if !begun {
                    prop_assert_eq!(taken.is_ok(), changes, "{:?} in {:?}", event, before);
                }
                life = taken.unwrap_or(before);
                prop_assert!(!before.state().is_final() || life == before, "what is over stays as it is");
                ends += u32::from(!before.state().is_final() && life.state().is_final());
                prop_assert!(life.attempt() <= most);
                prop_assert_eq!(usize::from(life.attempt()), story.sent.len());
                if let Some(ended) = story.ended {
                    prop_assert_eq!(life.state(), ended);
                } else {
                    prop_assert_eq!(life.state() == JobState::Pending, !story.let_go);
                }
            }
            prop_assert_eq!(ends, 1);
        }
    }

    #[test]
    fn what_workers_say_too_late_or_twice_is_recognised() {
        let sent = |life: Life| life.take(LifeEvent::Admit).expect("it waits for the edge");
        let life = Life::new(2).take(LifeEvent::Dispatch).expect("it is pending");
        assert_eq!(life.take(LifeEvent::Succeed(1)), Err(Refusal::Early));
        let first = sent(life).take(LifeEvent::Fail { attempt: 1, again: true }).expect("it is sent");
        assert_eq!(first.take(LifeEvent::Succeed(1)), Err(Refusal::Duplicate), "the first attempt has had its result");
        let second = sent(first);
        assert_eq!(second.take(LifeEvent::Succeed(1)), Err(Refusal::Late));
        let dead = second.take(LifeEvent::Fail { attempt: 2, again: true }).expect("it is sent");
        assert_eq!(dead.state(), JobState::Dead);
        assert_eq!(dead.take(LifeEvent::Succeed(2)), Err(Refusal::Over));
        assert_eq!(size_of::<Life>(), 4);
    }
}
