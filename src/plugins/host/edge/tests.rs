use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::components::clock::GameInstant;

fn world(name: &str) -> WorldId {
    WorldId::new(name).expect("an id")
}

fn card_in(world_name: &str, user: u8, kind: u8, shard: u8) -> Card {
    Card {
        world: world(world_name),
        incarnation: Uuid::nil(),
        shard: shard.into(),
        user: format!("u{user}"),
        kind: format!("k{kind}"),
        priority: 0,
        deadline: GameInstant::MAX,
    }
}

fn card(user: u8, kind: u8, shard: u8) -> Card {
    card_in("w", user, kind, shard)
}

fn key(job: u64) -> JobKey {
    (world("w"), job)
}

fn seconds(number: u64) -> Duration {
    Duration::from_secs(number)
}

#[expect(clippy::disallowed_methods, reason = "a test needs some instant")]
fn begin() -> Instant {
    Instant::now()
}

fn decide(edge: &mut EdgeJobs, now: Instant) -> Decisions {
    edge.decide(now, |_| true, usize::MAX)
}

/// Limits that hold back nothing but what a change of them says.
fn limits(change: impl FnOnce(&mut EdgeLimits)) -> EdgeLimits {
    let mut limits = EdgeLimits::default();
    change(&mut limits);
    limits
}

/// A job is sent, and on Kafka.
fn send(edge: &mut EdgeJobs, key: JobKey, card: Card, (attempt, timeout): (u8, u64), now: Instant) {
    let shard = card.shard;
    edge.sent(key, card, (attempt, seconds(timeout)), 5, now);
    edge.published(shard, 5, now);
}

#[test]
fn attempts_follow_each_other_ever_more_slowly_and_not_in_step() {
    let edge = EdgeJobs::new(limits(|limits| limits.retry_max = seconds(60)));
    let wait = |job: u64, attempt| edge.back_off(&key(job), attempt).as_secs_f64();
    assert!(wait(1, 0).abs() < f64::EPSILON, "the first one does not wait");
    for attempt in 1..10 {
        let least = f64::from(1_u32 << (attempt - 1)).min(60.0);
        assert!((least..=least * 1.25).contains(&wait(1, attempt)), "{attempt}: {}", wait(1, attempt));
    }
    assert!((wait(1, 3) - wait(2, 3)).abs() > f64::EPSILON, "those that failed together do not come together");
}

#[test]
fn who_says_nothing_for_too_long_has_failed() {
    let (mut edge, now) = (EdgeJobs::new(EdgeLimits::default()), begin());
    send(&mut edge, key(7), card(1, 1, 0), (2, 30), now);
    assert_eq!(decide(&mut edge, now + seconds(29)), Decisions::default());
    edge.heard(&key(7), now + seconds(29));
    assert_eq!(decide(&mut edge, now + seconds(58)).timed_out, []);
    assert_eq!(decide(&mut edge, now + seconds(59)).timed_out, [(key(7), 2)]);
    assert_eq!(decide(&mut edge, now + seconds(60)).timed_out, [], "the world has been told");
    assert_eq!(decide(&mut edge, now + seconds(120)).timed_out, [(key(7), 2)], "it may not have heard");
    edge.not_told(&key(7), now + seconds(120));
    assert_eq!(decide(&mut edge, now + seconds(121)).timed_out, [(key(7), 2)], "it has not heard");
    edge.over(&key(7));
    assert_eq!((edge.len(), edge.ends.len(), edge.on_their_way.len()), ((0, 0), 0, 0));
}

#[test]
fn the_time_of_workers_runs_from_when_the_request_is_on_kafka_and_stands_still_while_it_is_away() {
    let (mut edge, now) = (EdgeJobs::new(EdgeLimits::default()), begin());
    edge.sent(key(1), card(1, 1, 3), (1, seconds(10)), 8, now);
    edge.published(3, 7, now);
    edge.published(2, 9, now);
    assert_eq!(decide(&mut edge, now + seconds(1_000)).timed_out, [], "no worker can have seen it");
    edge.published(3, 8, now + seconds(1_000));
    assert_eq!(decide(&mut edge, now + seconds(1_009)).timed_out, []);
    edge.stand_still(seconds(500));
    assert_eq!(decide(&mut edge, now + seconds(1_509)).timed_out, []);
    assert_eq!(decide(&mut edge, now + seconds(1_510)).timed_out, [(key(1), 1)]);
}

#[test]
fn a_world_that_does_not_hear_keeps_its_time_outs_until_it_does() {
    let (mut edge, now) = (EdgeJobs::new(EdgeLimits::default()), begin());
    send(&mut edge, key(1), card(1, 1, 0), (1, 10), now);
    for after in 10..2_000 {
        assert_eq!(edge.decide(now + seconds(after), |_| false, 9).timed_out, []);
    }
    assert_eq!(decide(&mut edge, now + seconds(2_000)).timed_out, [(key(1), 1)], "within a second");
    for job in 0..5 {
        send(&mut edge, key(job), card(1, 1, 0), (1, 10), now);
    }
    let told = |edge: &mut EdgeJobs| edge.decide(now + seconds(3_000), |_| true, 3).timed_out.len();
    assert_eq!((told(&mut edge), told(&mut edge), told(&mut edge)), (3, 2, 0), "no more than there is room for");
}

#[test]
fn why_a_job_is_held_back_is_told_once_and_holds_back_no_other() {
    let (mut edge, now) = (EdgeJobs::new(limits(|limits| limits.user.concurrent = 1)), begin());
    for (job, user) in [(1, 1), (2, 1), (3, 2)] {
        edge.wait(key(job), card(user, 1, 0), 0, now);
    }
    let decided = decide(&mut edge, now);
    assert_eq!(decided.admitted, [key(1), key(3)]);
    assert!(matches!(decided.held.as_slice(), [(held, why)] if *held == key(2) && why.contains("user")));
    assert_eq!(decide(&mut edge, now), Decisions::default(), "it has been told");
    edge.not_told(&key(2), now);
    assert_eq!(decide(&mut edge, now).held.len(), 1, "it has not been told");
    edge.over(&key(1));
    assert_eq!(decide(&mut edge, now).admitted, [key(2)]);
    edge.forget(&world("w"));
    assert_eq!((edge.len(), edge.hour.len()), ((0, 0), 0), "what was let go and never sent counts for nothing");
    assert!(edge.tallies.values().all(BTreeMap::is_empty), "{:?}", edge.tallies);
}

#[test]
fn a_reason_does_not_change_with_every_job_that_ends() {
    let limits = limits(|limits| (limits.all.concurrent, limits.user.concurrent) = (2, 1));
    let (mut edge, now) = (EdgeJobs::new(limits), begin());
    for (job, user) in [(1, 1), (2, 2), (3, 1), (4, 3), (5, 4)] {
        edge.wait(key(job), card(user, 1, 0), 0, now);
    }
    let why = |decided: Decisions| -> Vec<_> { decided.held.into_iter().map(|((_, job), why)| (job, why)).collect() };
    let (of_user, of_all) = (LimitScope::User.words(false), LimitScope::All.words(false));
    assert_eq!(why(decide(&mut edge, now)), [(3, of_user), (4, of_all), (5, of_all)], "the narrowest first");
    // One that is over makes room for the next; nobody hears anything new of it.
    edge.over(&key(1));
    let decided = decide(&mut edge, now + seconds(1));
    assert_eq!((decided.admitted, decided.held), (vec![key(3)], vec![]));
    // Another reason that stays is told a minute after the first.
    edge.limits.kind.concurrent = 1;
    assert_eq!(decide(&mut edge, now + seconds(59)).held, []);
    let of_kind = LimitScope::Kind.words(false);
    assert_eq!(why(decide(&mut edge, now + seconds(60))), [(4, of_kind), (5, of_kind)]);
}

#[test]
fn jobs_go_in_the_order_in_which_they_came_whatever_their_world_and_priority() {
    let (mut edge, now) = (EdgeJobs::new(limits(|limits| limits.all.concurrent = 1)), begin());
    for (job, place, priority) in [(9, "b", 0), (1, "a", 0), (5, "a", 1_000), (2, "b", -5)] {
        edge.wait((world(place), job), Card { priority, ..card_in(place, 1, 1, 0) }, 0, now);
    }
    let mut order = Vec::new();
    while let [job] = &decide(&mut edge, now).admitted[..] {
        order.push(job.1);
        edge.over(job);
    }
    assert_eq!(order, [9, 1, 5, 2]);
}

#[test]
fn very_many_that_are_held_back_are_in_nobodys_way() {
    let (mut edge, now) = (EdgeJobs::new(limits(|limits| limits.user.concurrent = 1)), begin());
    let many = u64::try_from(LOOKED_AT_MAX).expect("few") * 3;
    for job in 0..=many {
        edge.wait(key(job), card(u8::from(job == many), 1, 0), 0, now);
    }
    let admitted: Vec<u64> = (0..4).flat_map(|_| decide(&mut edge, now).admitted).map(|(_, job)| job).collect();
    assert_eq!(admitted, [0, many]);
}

#[test]
fn a_world_that_takes_nothing_uses_up_nothing_of_anybodys_hour() {
    let (mut edge, mut now) = (EdgeJobs::new(limits(|limits| limits.user.per_hour = 3)), begin());
    edge.wait(key(1), card(1, 1, 0), 2, now);
    now += seconds(10);
    let mut waits = Vec::new();
    for _ in 0..12 {
        assert_eq!(decide(&mut edge, now).admitted, [key(1)]);
        edge.put_back(&key(1), now);
        edge.put_back(&key(1), now);
        let from = edge.waiting.first_key_value().expect("it waits").0.0;
        waits.push((from - now).as_secs());
        now = from;
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60, 60], "ever less often");
    assert_eq!(edge.jobs.get(&key(1)).map(|held| held.attempt), Some(2), "it was not tried");
    edge.wait((world("well"), 1), card_in("well", 1, 1, 0), 0, now);
    let decided = edge.decide(now + seconds(60), |id| *id != world("w"), 9);
    assert_eq!(
        (decided.admitted, decided.held),
        (vec![(world("well"), 1)], vec![]),
        "nor is it asked while it has faulted"
    );
    edge.put_back(&(world("well"), 1), now);
    assert_eq!(edge.tally(LimitScope::User, "u1"), Tally { waiting: 2, in_flight: 0, hour: 0 });
}

#[test]
fn limits_of_an_hour_last_an_hour_and_are_of_what_was_sent() {
    let (mut edge, now) = (EdgeJobs::new(limits(|limits| limits.kind.per_hour = 2)), begin());
    for job in 1..=4 {
        edge.wait(key(job), card(1, u8::from(job == 4), 0), 0, now);
    }
    assert_eq!(decide(&mut edge, now).admitted, [key(1), key(2), key(4)], "another kind has an hour of its own");
    for job in [1, 2] {
        edge.sent(key(job), card(1, 0, 0), (1, seconds(9)), 0, now);
        edge.over(&key(job));
    }
    assert_eq!(decide(&mut edge, now + seconds(3_599)).admitted, []);
    let held = edge.explained(&world("w"), 3, now + seconds(3_000)).expect("it waits");
    assert_eq!((&held["behind"], &held["expectedSeconds"]), (&LimitScope::Kind.words(true).into(), &600.0.into()));
    assert_eq!(decide(&mut edge, now + HOUR).admitted, [key(3)]);
}

#[test]
fn a_user_a_kind_a_world_and_a_shard_may_have_limits_of_their_own() {
    let (mut edge, now) = (EdgeJobs::new(EdgeLimits::default()), begin());
    let mut own = OwnLimits::default();
    let one = OwnQuota { concurrent: Some(1), per_hour: None };
    own.set(LimitScope::User, "u1", one);
    own.set(LimitScope::Kind, "k1", one);
    own.set(LimitScope::World, "poor", one);
    own.set(LimitScope::Shard, "4", one);
    edge.change(own);
    edge.configure(EdgeLimits::default());
    let jobs = [("w", 1, 0, 0), ("w", 0, 1, 0), ("poor", 0, 0, 0), ("w", 0, 0, 4), ("w", 0, 0, 0)];
    for (number, (place, user, kind, shard)) in (0..10).zip(jobs.iter().cycle()) {
        edge.wait((world(place), number), card_in(place, *user, *kind, *shard), 0, now);
    }
    let decided = decide(&mut edge, now);
    let numbers = |keys: Vec<u64>| keys.into_iter().collect::<BTreeSet<u64>>();
    let went = numbers(decided.admitted.into_iter().map(|key| key.1).collect());
    assert_eq!(went, numbers(vec![0, 1, 2, 3, 4, 9]), "of each one, and of what nothing is said all");
    let why: Vec<_> = decided.held.into_iter().map(|(key, why)| (key.1, why)).collect();
    let words = |scope: LimitScope| scope.words(false);
    let expected = [
        (5, words(LimitScope::User)),
        (6, words(LimitScope::Kind)),
        (7, words(LimitScope::World)),
        (8, words(LimitScope::Shard)),
    ];
    assert_eq!(why, expected);
    let filter = EdgeFilter { limit: 2, user: Some("u0".to_owned()), ..EdgeFilter::default() };
    let shown = edge.shown(&filter, now);
    assert_eq!((&shown["waiting"], &shown["withWorkers"]), (&4.into(), &6.into()), "{shown}");
    let ids: Vec<_> = shown["jobs"].as_array().expect("jobs").iter().map(|job| job["jobId"].clone()).collect();
    assert_eq!((ids, &shown["jobs"][0]["before"]), (vec![6.into(), 7.into()], &1.into()), "{shown}");
    let user = shown["users"].as_array().and_then(|users| users.iter().find(|user| user["name"] == "u1"));
    let user = user.expect("alice");
    assert_eq!((&user["concurrent"], &user["perHour"], &user["saturation"]), (&1.into(), &1_000.into(), &1.0.into()));
}

/// What has happened, told in another way than by the edge.
#[derive(Default)]
struct Story {
    waiting: BTreeMap<JobKey, (Card, u8)>,
    asked: BTreeMap<JobKey, (Card, u8)>,
    sent: BTreeMap<JobKey, (Card, u8)>,
    attempts: Vec<(Instant, Card)>,
}

impl Story {
    /// An edge that begins anew with what the store has of all this.
    fn restart(&mut self, limits: EdgeLimits, now: Instant) -> EdgeJobs {
        let mut edge = EdgeJobs::new(limits);
        self.attempts.iter().for_each(|(at, card)| edge.attempted(card.clone(), *at));
        // That they were let go was not durable.
        self.waiting.append(&mut self.asked);
        for (key, (card, attempt)) in &self.waiting {
            edge.wait(key.clone(), card.clone(), *attempt, now);
        }
        for (key, (card, attempt)) in &self.sent {
            edge.with_workers(key.clone(), card.clone(), (*attempt, seconds(900)), 0, now);
        }
        edge
    }
}

proptest! {
    /// Whatever comes and goes, fails, is put back, is tried again, or begins anew, no limit is ever exceeded.
    #[test]
    fn no_limit_is_exceeded(
        deeds in prop::collection::vec((0_u8..9, 0_u64..20, 0_u8..3, 0_u8..3, 0_u8..2, any::<bool>()), 1..200),
        concurrent in (1_u32..6, 1_u32..4, 1_u32..4, 1_u32..4, 1_u32..4),
        per_hour in (5_u32..40, 2_u32..10, 2_u32..12, 2_u32..12, 2_u32..12),
    ) {
        let quota = |concurrent, per_hour| Quota { concurrent, per_hour };
        let limits = EdgeLimits {
            all: quota(concurrent.0, per_hour.0),
            user: quota(concurrent.1, per_hour.1),
            kind: quota(concurrent.2, per_hour.2),
            shard: quota(concurrent.3, per_hour.3),
            world: quota(concurrent.4, per_hour.4),
            ..EdgeLimits::default()
        };
        let (mut edge, mut now, mut story) = (EdgeJobs::new(limits.clone()), begin(), Story::default());
        for (deed, job, user, kind, shard, first) in deeds {
            let place = if first { "a" } else { "b" };
            let key = (world(place), job);
            let known = story.sent.contains_key(&key) || story.asked.contains_key(&key);
            match deed {
                0 | 1 if !known => {
                    let card = card_in(place, user, kind, shard);
                    edge.wait(key.clone(), card.clone(), 0, now);
                    story.waiting.insert(key, (card, 0));
                }
                2 => {
                    edge.over(&key);
                    for jobs in [&mut story.waiting, &mut story.asked, &mut story.sent] {
                        jobs.remove(&key);
                    }
                }
                // The world has sent what it was asked to send.
                3 | 4 => if let Some((card, attempt)) = story.asked.remove(&key) {
                    edge.sent(key.clone(), card.clone(), (attempt + 1, seconds(900)), 0, now);
                    edge.published(card.shard, 0, now);
                    story.attempts.push((now, card.clone()));
                    story.sent.insert(key, (card, attempt + 1));
                }
                // It could not.
                5 => {
                    edge.put_back(&key, now);
                    if let Some(asked) = story.asked.remove(&key) {
                        story.waiting.insert(key, asked);
                    }
                }
                // It is to be tried again.
                6 => if let Some((card, attempt)) = story.sent.remove(&key) {
                    edge.wait(key.clone(), card.clone(), attempt, now);
                    story.waiting.insert(key, (card, attempt));
                }
                7 if job == 0 => edge = story.restart(limits.clone(), now),
                7 if job == 1 => {
                    edge.forget(&world(place));
                    for jobs in [&mut story.waiting, &mut story.asked, &mut story.sent] {
                        jobs.retain(|key, _| key.0 != world(place));
                    }
                }
                _ => now += seconds(600),
            }
            for key in decide(&mut edge, now).admitted {
                let job = story.waiting.remove(&key).expect("it has waited");
                story.asked.insert(key, job);
            }
            prop_assert_eq!(edge.len(), (story.waiting.len(), story.asked.len() + story.sent.len()));
            let with_workers: Vec<&Card> = story.asked.values().chain(story.sent.values()).map(|(card, _)| card).collect();
            let recent = story.attempts.iter().filter(|(at, _)| now.duration_since(*at) < HOUR);
            let recent: Vec<&Card> = recent.map(|(_, card)| card).collect();
            for scope in LimitScope::ALL {
                let names: BTreeSet<String> = with_workers.iter().chain(&recent).map(|card| card.name(scope).into_owned()).collect();
                for name in names {
                    let count = |cards: &[&Card]| u32::try_from(cards.iter().filter(|card| card.name(scope) == name).count());
                    let (at_once, hour) = (count(&with_workers).expect("few"), count(&recent).expect("few"));
                    let asked = u32::try_from(story.asked.values().filter(|(card, _)| card.name(scope) == name).count());
                    let held = edge.tally(scope, &name);
                    prop_assert_eq!((held.in_flight, held.hour), (at_once, hour + asked.expect("few")));
                    let most = limits.quota(scope, &name);
                    prop_assert!(hour <= most.per_hour, "{:?} {} {}", scope, name, hour);
                    prop_assert!(at_once <= most.concurrent, "{:?} {} {}", scope, name, at_once);
                }
            }
        }
    }
}
