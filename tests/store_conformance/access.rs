//! Tokens and the audit: under no lease, and never half.

use worldtick::plugins::store::{
    AgentRow, AuditEnd, AuditFilter, AuditOutcome, AuditRow, EngineKind, NewAudit, Store, StoreError, Sweep, Swept,
    TokenMade, TokenRow,
};

use crate::harness::Bench;
use crate::pruning::{steps, swept};

/// PostgreSQL only: SQLite has one process.
pub(crate) async fn tokens_are_made_beside_a_running_server(bench: &Bench) {
    let mut owner = bench.owner().await;
    let guest = bench.open().await;
    assert_eq!(guest.create_token(&token("t1", "ci"), None).await.unwrap(), TokenMade::Done);
    guest.close().await;
    // The owner owns as before, and finds it.
    let commit = owner.next();
    owner.commit(&commit).await;
    assert_eq!(owner.store.token("t1").await.unwrap(), Some(token("t1", "ci")));
    owner.end().await;
}

/// Beside a running server no tables are changed: PostgreSQL's must be there already.
pub(crate) async fn a_store_is_opened_as_it_is(bench: &Bench) {
    if bench.kind == EngineKind::Postgres {
        let missing = Store::open_as_it_is(&bench.config()).await.map(|_| ()).unwrap_err();
        assert!(matches!(missing, StoreError::Migration { .. }), "{missing}");
        assert!(missing.to_string().contains("they lack migration"), "{missing}");
        let made = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'";
        let made: i64 = sqlx::query_scalar(made).fetch_one(&mut bench.postgres().await).await.unwrap();
        assert_eq!(made, 0, "nothing was made");
        bench.open().await.close().await;
    }
    let store = Store::open_as_it_is(&bench.config()).await.unwrap();
    assert_eq!(store.agents("city").await.unwrap(), []);
    store.close().await;
    if bench.kind == EngineKind::Postgres {
        let older = "DELETE FROM _sqlx_migrations WHERE version = (SELECT max(version) FROM _sqlx_migrations)";
        sqlx::query(older).execute(&mut bench.postgres().await).await.unwrap();
        let missing = Store::open_as_it_is(&bench.config()).await.map(|_| ()).unwrap_err();
        assert!(missing.to_string().contains("they lack migration"), "{missing}");
    }
}

fn token(id: &str, name: &str) -> TokenRow {
    TokenRow {
        token_id: id.into(),
        name: name.into(),
        scopes: "read operate".into(),
        hash: "ab".repeat(32),
        created_at: 1_000,
        created_by: "anna".into(),
        expires_at: Some(9_000),
        revoked_at: None,
        revoked_by: None,
        last_used_at: None,
    }
}

fn change(who: &str, world: Option<&str>, at: i64) -> NewAudit {
    NewAudit {
        at,
        who: who.into(),
        token_id: Some("t1".into()),
        scope: "operate".into(),
        source: "127.0.0.1".into(),
        method: "POST".into(),
        route: "/api/v1/worlds/{world}/pause".into(),
        world_id: world.map(str::to_owned),
        summary: r#"{"body":{"reason":"\u0000 é"}}"#.into(),
        outcome: AuditOutcome::Begun,
        status: None,
    }
}

async fn rows(store: &Store, filter: AuditFilter) -> Vec<AuditRow> {
    store.audit_rows(&filter, None, 1_000).await.unwrap()
}

pub(crate) async fn a_token_is_stored_found_and_revoked_once(bench: &Bench) {
    let store = bench.open().await;
    assert_eq!(store.token("t1").await.unwrap(), None);
    assert_eq!(store.create_token(&token("t1", "ci"), None).await.unwrap(), TokenMade::Done);
    assert_eq!(store.token("t1").await.unwrap(), Some(token("t1", "ci")));

    store.touch_token("t1", 2_000).await.unwrap();
    store.touch_token("t1", 1_500).await.unwrap();
    store.touch_token("nobody", 1_500).await.unwrap();
    let used = TokenRow { last_used_at: Some(2_000), ..token("t1", "ci") };
    assert_eq!(store.token("t1").await.unwrap(), Some(used.clone()), "a use does not go back");

    assert_eq!(store.revoke_token("nobody", 3_000, "bob", None).await.unwrap(), None);
    let revoked = TokenRow { revoked_at: Some(3_000), revoked_by: Some("bob".into()), ..used };
    assert_eq!(store.revoke_token("ci", 3_000, "bob", None).await.unwrap(), Some(revoked.clone()));
    assert_eq!(
        store.revoke_token("t1", 4_000, "eve", None).await.unwrap(),
        Some(revoked.clone()),
        "it stays as it was"
    );
    assert_eq!(store.token("t1").await.unwrap(), Some(revoked));
    store.close().await;
}

pub(crate) async fn a_name_belongs_to_one_token_at_a_time(bench: &Bench) {
    let store = bench.open().await;
    let make = async |row: TokenRow| store.create_token(&row, None).await.unwrap();
    assert_eq!(make(token("t1", "ci")).await, TokenMade::Done);
    assert_eq!(make(token("t2", "ci")).await, TokenMade::NameTaken);
    assert_eq!(make(token("t1", "other")).await, TokenMade::NameTaken, "nor an id");
    let (one, two) = tokio::join!(make(token("t4", "race")), make(token("t5", "race")));
    assert_eq!([one, two].iter().filter(|made| **made == TokenMade::Done).count(), 1);
    store.revoke_token("ci", 3_000, "bob", None).await.unwrap();
    assert_eq!(make(TokenRow { created_at: 5_000, ..token("t3", "ci") }).await, TokenMade::Done);
    // By name it is the one that has it now; what was revoked before is found by its id.
    assert_eq!(store.revoke_token("ci", 6_000, "bob", None).await.unwrap().unwrap().token_id, "t3");
    assert_eq!(store.revoke_token("t1", 7_000, "bob", None).await.unwrap().unwrap().revoked_at, Some(3_000));
    let listed: Vec<String> = store.tokens().await.unwrap().into_iter().map(|token| token.name).collect();
    assert_eq!(listed, ["race", "ci", "ci"], "those that hold first");
    store.close().await;
}

pub(crate) async fn a_token_and_the_end_of_its_audit_are_one(bench: &Bench) {
    let store = bench.open().await;
    let seq = store.audit(&change("anna", None, 1)).await.unwrap();
    let end = AuditEnd { seq, at: 5, outcome: AuditOutcome::Done, status: 201 };
    assert_eq!(store.create_token(&token("t1", "ci"), Some(end)).await.unwrap(), TokenMade::Done);
    assert_eq!(rows(&store, AuditFilter::default()).await[0].outcome, "done");
    // A second end is not believed.
    store.complete_audit(AuditEnd { outcome: AuditOutcome::Failed, status: 500, ..end }).await.unwrap();
    assert_eq!(rows(&store, AuditFilter::default()).await[0].status, Some(201));

    // What is not made is not said to have been made.
    let seq = store.audit(&change("anna", None, 2)).await.unwrap();
    let end = AuditEnd { seq, ..end };
    assert_eq!(store.create_token(&token("t2", "ci"), Some(end)).await.unwrap(), TokenMade::NameTaken);
    assert_eq!(store.revoke_token("nobody", 9, "anna", Some(end)).await.unwrap(), None);
    assert_eq!(rows(&store, AuditFilter::default()).await[0].outcome, "begun");
    let revoked = store.revoke_token("ci", 9, "anna", Some(end)).await.unwrap();
    assert!(revoked.is_some());
    assert_eq!(rows(&store, AuditFilter::default()).await[0].outcome, "done");
    store.close().await;
}

pub(crate) async fn the_audit_is_begun_completed_and_listed(bench: &Bench) {
    let store = bench.open().await;
    let mut seqs = Vec::new();
    for n in 0..7 {
        let (who, world) = if n % 2 == 0 { ("anna", Some("alpha")) } else { ("bob", None) };
        seqs.push(store.audit(&change(who, world, n)).await.unwrap());
    }
    assert!(seqs.is_sorted());
    store.complete_audit(AuditEnd { seq: seqs[0], at: 99, outcome: AuditOutcome::Refused, status: 409 }).await.unwrap();
    let refused = NewAudit { outcome: AuditOutcome::Refused, status: Some(401), ..change("anonymous", None, 50) };
    store.audit(&refused).await.unwrap();

    let of = |world: Option<&str>, who: Option<&str>, outcome: Option<&str>| AuditFilter {
        world_id: world.map(str::to_owned),
        who: who.map(str::to_owned),
        outcome: outcome.map(str::to_owned),
    };
    assert_eq!(rows(&store, of(Some("alpha"), None, None)).await.len(), 4);
    assert_eq!(rows(&store, of(None, Some("bob"), None)).await.len(), 3);
    let ended = rows(&store, of(None, None, Some("refused"))).await;
    let ended: Vec<_> = ended.iter().map(|row| (row.who.as_str(), row.status, row.completed_at)).collect();
    assert_eq!(ended, [("anonymous", Some(401), Some(50)), ("anna", Some(409), Some(99))]);

    // Pages, newest first, without gaps.
    let (mut found, mut before) = (Vec::new(), None);
    loop {
        let page = store.audit_rows(&AuditFilter::default(), before, 3).await.unwrap();
        let Some(last) = page.last() else { break };
        before = Some(last.seq);
        found.extend(page);
    }
    assert_eq!(found.len(), 8);
    assert!(found.windows(2).all(|pair| pair[0].seq > pair[1].seq));
    assert_eq!(found[7].summary, change("", None, 0).summary, "as it was written");

    // No lease, and another store: a server that starts again finds what was begun.
    store.close().await;
    let store = bench.open().await;
    assert_eq!(rows(&store, of(None, None, Some("begun"))).await.len(), 6);
    store.close().await;
}

pub(crate) async fn the_audit_goes_by_age_and_by_number(bench: &Bench) {
    let store = bench.open().await;
    for at in 1..=10 {
        store.audit(&change("anna", None, at)).await.unwrap();
    }
    for (id, name, revoked) in [("t1", "old", Some(3)), ("t2", "young", Some(8)), ("t3", "held", None)] {
        store.create_token(&token(id, name), None).await.unwrap();
        if let Some(at) = revoked {
            store.revoke_token(id, at, "anna", None).await.unwrap();
        }
    }
    assert_eq!(swept(&store, Swept::Audit, 0, Some(1_000)).await, 0);
    assert_eq!(swept(&store, Swept::Audit, 4, None).await, 3);
    assert_eq!(swept(&store, Swept::RevokedTokens, 4, Some(0)).await, 1, "tokens go by age alone");
    let names: Vec<String> = store.tokens().await.unwrap().into_iter().map(|token| token.name).collect();
    assert_eq!(names, ["held", "young"]);
    assert_eq!(steps(&store, Sweep::new(Swept::Audit, 0, Some(5)), 1).await, [0, 1, 1, 0], "a batch at a time");
    let left: Vec<i64> = rows(&store, AuditFilter::default()).await.iter().map(|row| row.at).collect();
    assert_eq!(left, [10, 9, 8, 7, 6]);
    // Numbers are not given twice.
    let last = rows(&store, AuditFilter::default()).await[0].seq;
    assert_eq!(swept(&store, Swept::Audit, 100, None).await, 5);
    assert!(store.audit(&change("anna", None, 200)).await.unwrap() > last);
    store.close().await;
}

fn agent(role: &str, money: i64, skill: Option<f64>) -> AgentRow {
    AgentRow {
        role: role.into(),
        place: skill.map(|_| "hills".to_owned()),
        money,
        capacity: skill.map(|_| 40),
        skill,
        impatience: Some(0.25),
        stocks: r#"{"Food":3}"#.into(),
        beliefs: "{}".into(),
        ..AgentRow::default()
    }
}

pub(crate) async fn agents_are_imported_whole_and_read_in_their_order(bench: &Bench) {
    let store = bench.open().await;
    assert_eq!(store.agents("a").await.unwrap(), []);
    let many: Vec<AgentRow> = (0..300).map(|n| agent("Smith", n, (n % 2 == 0).then_some(0.1))).collect();
    store.replace_agents("a", &many, 7).await.unwrap();
    store.replace_agents("b", &[agent("Farmer", i64::MAX, Some(2.5))], 7).await.unwrap();
    assert_eq!(store.agents("a").await.unwrap(), many);
    // An import takes the place of the one before, and of no other world's.
    store.replace_agents("a", &many[..2], 8).await.unwrap();
    assert_eq!(store.agents("a").await.unwrap(), &many[..2]);
    assert_eq!(store.agents("b").await.unwrap(), [agent("Farmer", i64::MAX, Some(2.5))]);
    store.close().await;
}
