//! What the edge of generation keeps.

use worldtick::plugins::store::{
    AnswerRow, AttemptRow, AuditEnd, AuditFilter, AuditOutcome, Commit, EdgeRows, JobRow, JobStage, LIMITS_MAX,
    LimitRow, LimitsChanged, NewAudit, Sweep, Swept,
};

use crate::harness::{Bench, id, world};
use crate::lists::job;

pub(crate) async fn attempts_are_kept_for_an_hour(bench: &Bench) {
    const HOUR: i64 = 3_600_000_000;
    let mut owner = bench.owner().await;
    owner.register(&world("demo", 1)).await;
    let attempt = |job_id: i64, attempt: i64, sent_at: i64| {
        let row = JobRow { attempt, recorded_at: sent_at, ..job(1, job_id, 2, ("queued", JobStage::Sent)) };
        AttemptRow::of(&row)
    };
    let sent = vec![attempt(8, 2, 30), attempt(7, 1, 10), attempt(7, 2, 20), attempt(8, 3, 30 + HOUR)];
    let edge = EdgeRows { attempts: sent.clone(), ..EdgeRows::default() };
    owner.commit(&Commit { edge, ..owner.next() }).await;
    let recent = owner.store.recent_attempts(11).await.unwrap();
    assert_eq!(recent, [sent[2].clone(), sent[0].clone(), sent[3].clone()], "each of a job, the oldest first");
    assert_eq!((recent[0].user.as_str(), recent[0].kind.as_str(), recent[0].shard), ("alice", "scene", 1));
    // What is older than an hour before the last one counts for nobody; jobs of another time stay.
    let mut sweep = Sweep::new(Swept::GenerationJobs, 0, None);
    let mut removed = 0;
    while !sweep.is_done() {
        removed += owner.store.sweep(&mut sweep, 1).await.unwrap();
    }
    assert_eq!((removed, owner.store.recent_attempts(0).await.unwrap().len()), (2, 2));
    owner.end().await;
}

pub(crate) async fn answers_stay_until_they_are_heard_or_their_world_is_another(bench: &Bench) {
    let mut owner = bench.owner().await;
    for name in ["demo", "other"] {
        owner.register(&world(name, 1)).await;
    }
    let answer = |world_id: &str, number: u128, recorded_at: i64| AnswerRow {
        world_id: world_id.to_owned(),
        result_id: id(number),
        incarnation: id(1),
        job_id: 7,
        attempt: 1,
        issued_by: "painter".to_owned(),
        issued_at: 5,
        payload: r#"{"status":"succeeded","message":"ünï\u0000"}"#.to_owned(),
        recorded_at,
    };
    let answers = vec![answer("demo", 2, 9), answer("other", 3, 8), answer("demo", 4, 7)];
    let edge = EdgeRows { answers: answers.clone(), ..EdgeRows::default() };
    owner.commit(&Commit { edge: edge.clone(), ..owner.next() }).await;
    // The same again is the same.
    owner.commit(&Commit { edge, ..owner.next() }).await;
    let kept = owner.store.answers(None, 10).await.unwrap();
    assert_eq!(kept, [answers[2].clone(), answers[0].clone(), answers[1].clone()]);
    assert_eq!(owner.store.answers(Some("demo"), 1).await.unwrap(), answers[2..]);
    let edge = EdgeRows { heard: vec![("demo".to_owned(), id(4)), ("demo".to_owned(), id(3))], ..EdgeRows::default() };
    owner.commit(&Commit { edge, ..owner.next() }).await;
    assert_eq!(owner.store.answers(None, 10).await.unwrap(), answers[..2]);
    owner.register(&world("demo", 2)).await;
    assert_eq!(owner.store.answers(None, 10).await.unwrap(), answers[1..2], "it begins anew");
    owner.end().await;
}

pub(crate) async fn limits_change_one_by_one_with_their_audit(bench: &Bench) {
    let store = bench.open().await;
    let limit = |scope: &str, name: &str, concurrent: Option<i64>, per_hour: Option<i64>| LimitRow {
        scope: scope.to_owned(),
        name: name.to_owned(),
        concurrent,
        per_hour,
        changed_by: "anna".to_owned(),
        changed_at: 3,
    };
    let row = NewAudit {
        at: 1,
        who: "anna".to_owned(),
        token_id: None,
        scope: "config:write".to_owned(),
        source: "127.0.0.1".to_owned(),
        method: "PATCH".to_owned(),
        route: "/api/v1/generation/limits".to_owned(),
        world_id: None,
        summary: "{}".to_owned(),
        outcome: AuditOutcome::Begun,
        status: None,
    };
    let seq = store.audit(&row).await.unwrap();
    let (alice, everybody) = (limit("user", "alice", Some(4), None), limit("user", "", None, Some(9)));
    let end = AuditEnd { seq, at: 2, outcome: AuditOutcome::Done, status: 200 };
    let changed = store.change_generation_limits(&[alice.clone(), everybody.clone()], Some(end)).await.unwrap();
    assert_eq!(changed, LimitsChanged::Done);
    assert_eq!(store.generation_limits().await.unwrap(), [everybody.clone(), alice]);
    let audited = store.audit_rows(&AuditFilter::default(), None, 10).await.unwrap();
    assert_eq!((audited[0].outcome.as_str(), audited[0].status), ("done", Some(200)));
    let again = limit("user", "alice", Some(0), Some(1));
    store.change_generation_limits(&[again.clone(), limit("user", "", None, None)], None).await.unwrap();
    assert_eq!(
        store.generation_limits().await.unwrap(),
        std::slice::from_ref(&again),
        "one that says nothing is forgotten"
    );
    let many: Vec<_> = (0..LIMITS_MAX).map(|number| limit("user", &format!("u{number}"), Some(1), None)).collect();
    assert_eq!(store.change_generation_limits(&many, None).await.unwrap(), LimitsChanged::TooMany);
    assert_eq!(store.generation_limits().await.unwrap(), [again], "all or none");
    store.close().await;
}
