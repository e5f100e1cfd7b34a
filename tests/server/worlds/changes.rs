//! Who changes what in a world: two at once, a reset, and worlds that are not there.

use serde_json::{Value, json};

use super::items;
use crate::server_support::{TestServer, world};

const JSON: (&str, &str) = ("Content-Type", "application/json");

#[test]
fn of_two_who_change_the_description_of_one_file_the_second_is_told() {
    let server = TestServer::start(&[world("hand", "manual")]);
    let api = server.api();
    let (tag, _) = api.tagged("/api/v1/worlds/hand/simulation");
    let apply = |description: &str, tag: &str| {
        let mut file = api.get("/api/v1/worlds/hand/file").ok();
        file["description"] = description.into();
        api.post_with("/api/v1/worlds/hand/apply", &file.to_string(), &[JSON, ("If-Match", tag)])
    };
    let first = apply("one", &tag).ok();
    apply("two", &tag).problem(412);
    let (now, _) = api.tagged("/api/v1/worlds/hand/simulation");
    assert_eq!(first["etag"], now.as_str(), "the answer has the tag that holds from then on");
    assert_ne!(now, tag);
    assert_eq!(api.get("/api/v1/worlds/hand/file").ok()["description"], "one");
    apply("two", &now).ok();
}

#[test]
fn a_reset_says_what_of_the_configuration_it_takes_back() {
    let mut server = TestServer::start(&[world("hand", "manual")]);
    let api = server.api();
    let path = "/api/v1/worlds/hand/simulation";
    let (tag, _) = api.tagged(path);
    let kind = [JSON, ("If-Match", tag.as_str()), ("X-Issued-By", "anna")];
    api.patch(path, r#"{"timeScale": 60, "maxNpcTicksPerStep": 9}"#, &kind).ok();
    let key = "2f6c8d6e-8f5d-4bb0-9d6c-0d1f7c1f5f11";
    let reset = [JSON, ("X-Issued-By", "bob"), ("Idempotency-Key", key)];
    api.post_with("/api/v1/worlds/hand/reset", "{}", &reset).ok();
    let of_bob = |server: &TestServer| -> Vec<Value> {
        let rows = items(&server.api().get(&format!("{path}/history")).ok());
        rows.into_iter().filter(|row| row["changed_by"] == "bob").collect()
    };
    let mut rows = of_bob(&server);
    rows.sort_by_key(|row| row["pointer"].to_string());
    let told: Vec<_> = rows.iter().map(|row| (&row["pointer"], &row["from"], &row["to"])).collect();
    let (_, block) = server.api().tagged(path);
    let turns = &block["maxNpcTicksPerStep"];
    assert_eq!(
        told,
        [(&json!("/maxNpcTicksPerStep"), &json!(9), turns), (&json!("/timeScale"), &json!(60.0), &json!(36_000.0)),]
    );
    assert!(rows.iter().all(|row| row["command_id"] == key), "{rows:?}");
    // Nothing was changed since: the next reset takes nothing back.
    api.post_with("/api/v1/worlds/hand/reset", "{}", &reset[..2]).ok();
    assert_eq!(of_bob(&server).len(), 2);
    server.restart();
    assert_eq!(of_bob(&server).len(), 2);
}

#[test]
fn for_a_world_that_is_not_there_the_one_that_was_meant_is_named() {
    let server = TestServer::start(&[world("harbour", "manual")]);
    let api = server.api();
    for path in ["", "/file", "/simulation", "/simulation/history", "/steps", "/markets", "/commands", "/npcs"] {
        let problem = api.get(&format!("/api/v1/worlds/harbor{path}")).problem(404);
        assert_eq!(problem["detail"], "there is no world `harbor`: did you mean `harbour`?", "{path}");
    }
    let problem = api.post("/api/v1/worlds/harbor/step", &json!({})).problem(404);
    assert_eq!(problem["detail"], "there is no world `harbor`: did you mean `harbour`?");
    let problem = api.get("/api/v1/worlds/xyzzy").problem(404);
    assert_eq!(problem["detail"], "there is no world `xyzzy`");
    // What a world that is not there was asked under a key is known, and so is what one that is gone was asked.
    let step =
        |key: &str| api.post_with("/api/v1/worlds/harbor/step", "{}", &[JSON, ("Idempotency-Key", key)]).problem(404);
    assert_eq!(step("k"), step("k"), "the record says the same");
    assert_eq!(items(&api.get("/api/v1/worlds/harbor/commands").ok()).len(), 1);
    assert_eq!(api.delete("/api/v1/worlds/harbour").status, 200);
    assert_eq!(items(&api.get("/api/v1/worlds/harbour/commands").ok()).len(), 1);
}
