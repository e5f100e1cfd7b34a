//! What the audit holds, and that nothing changes without it.

use std::time::Instant;

use crate::bridge_support::wait_for;
use crate::process::{ANY_PORTS, Process, folder_with};
use crate::program::program;
use crate::server_support::{metric, world};
use crate::token_support::{WorldState as _, audit, items, make, root, server};
use serde_json::{Value, json};
use worldtick::plugins::admin::scope::Scope;

#[test]
fn the_audit_holds_every_change_without_secrets_and_cannot_be_flooded() {
    let server = server();
    let api = root(&server);
    let denied = || metric(&api.get("/metrics").text, "worldtick_admin_denied_total{reason=\"missing\"}");
    let before = denied();

    api.post("/api/v1/worlds/hand/pause", &json!({"password": "hush", "reason": "x".repeat(400)})).problem(422);
    let row = audit(&api, "world=hand")[0].clone();
    assert_eq!((&row["outcome"], &row["status"]), (&"refused".into(), &422.into()));
    assert_eq!(row["summary"]["body"]["password"], "(hidden)");
    assert!(row["summary"]["body"]["reason"].as_str().unwrap().chars().count() < 300, "{row}");
    api.post("/api/v1/worlds/nobody/pause", &json!({})).problem(404);
    assert_eq!(audit(&api, "world=nobody")[0]["status"], 404);

    // Reads leave no row, and neither does asking for the audit.
    let newest = audit(&api, "limit=1")[0]["seq"].clone();
    api.get("/api/v1/worlds").ok();
    assert_eq!(audit(&api, "limit=1")[0]["seq"], newest);

    // A token that may not is in it by name, however many others knock.
    let began = Instant::now();
    for _ in 0..100 {
        server.api().post("/api/v1/worlds/hand/resume", &json!({})).problem(401);
    }
    let reader = server.api().token(&make(&api, "reader", &[Scope::Read]));
    reader.post("/api/v1/worlds/hand/resume", &json!({})).problem(403);
    let row = wait_for("the refusal is written", || audit(&api, "who=reader").first().cloned());
    assert_eq!((&row["outcome"], &row["status"]), (&"refused".into(), &403.into()));
    assert_eq!(row["summary"]["reason"], "scope");
    let most = 21 + usize::try_from(began.elapsed().as_secs() / 3).unwrap();
    wait_for("some are written", || (audit(&api, "who=anonymous").len() >= 20).then_some(()));
    let written = audit(&api, "who=anonymous&limit=1000").len();
    assert!(written <= most, "{written} of 100, at most {most}");
    assert!(denied() >= before + 100.0, "each is counted");

    // Pages and filters.
    let page = api.get("/api/v1/audit?limit=2").ok();
    let next = api.get(&format!("/api/v1/audit?limit=2&cursor={}", page["next"].as_str().expect("more"))).ok();
    assert!(items(&page)[1]["seq"].as_i64() > items(&next)[0]["seq"].as_i64());
    for query in ["limit=0", "cursor=x", "who=%00"] {
        api.get(&format!("/api/v1/audit?{query}")).problem(422);
    }
    api.get("/api/v1/audit?colour=red").problem(400);
}

#[test]
fn without_its_row_in_the_audit_nothing_is_changed() {
    let server = server();
    let api = root(&server);
    server.change_store("ALTER TABLE audit RENAME TO elsewhere");
    let refused = api.post("/api/v1/worlds/hand/pause", &json!({}));
    assert!(refused.status >= 500, "{}", refused.text);
    assert_eq!(server.world_state(), "running");
    server.change_store("ALTER TABLE elsewhere RENAME TO audit");
    wait_for("it is there again", || (api.post("/api/v1/worlds/hand/pause", &json!({})).status == 200).then_some(()));
    assert_eq!(server.world_state(), "paused");
}

#[test]
fn a_server_that_dies_between_leaves_begun_and_never_half() {
    for (place, state) in [("admin.audit.begun", "running"), ("admin.audit.answered", "paused")] {
        let folder = folder_with(&[world("hand", "manual")]);
        let mut dies = Process::of(program(folder.path(), &ANY_PORTS).env("WORLDTICK_FAILPOINT", place));
        let (api, _) = dies.ready();
        let answered = std::thread::spawn(move || api.post("/api/v1/worlds/hand/pause", &json!({})));
        assert!(answered.join().is_err(), "{place}: nobody answers");
        assert_eq!(dies.wait().code(), None, "{place}: killed");
        let mut process = Process::start(folder.path(), &[]);
        let (api, _) = process.ready();
        assert_eq!(api.get("/api/v1/worlds/hand").ok()["status"]["state"], state, "{place}");
        let rows = audit(&api, "world=hand");
        assert_eq!(rows.len(), 1, "{place}: {rows:?}");
        assert_eq!((&rows[0]["outcome"], &rows[0]["status"]), (&"begun".into(), &Value::Null), "{place}");
    }
}
