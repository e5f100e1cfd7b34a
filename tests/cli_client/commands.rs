//! Under which id a change is asked for, and what is told when no answer comes.

use super::{Request, Server, answer, err, json, run};

const ID: &str = "550e8400-e29b-41d4-a716-446655440000";

/// The id under which something was asked for.
pub(super) fn key_of(request: &Request) -> Option<String> {
    let key = request.headers.lines().find_map(|header| header.strip_prefix("idempotency-key: "))?;
    let id: uuid::Uuid = key.trim().parse().expect("a UUID");
    Some(id.to_string())
}

#[test]
fn whoever_hears_nothing_is_told_the_id_to_ask_again_with() {
    let busy = answer("503 Service Unavailable", "application/problem+json", r#"{"detail":"the server is stopping"}"#);
    // A connection that is lost; a server that does not know; then it answers.
    let server = Server::start(vec![String::new(), busy, json("{}"), json("{}")]);
    let step = ["worlds", "step", "w", "--game-seconds", "60"];
    let mut ids = Vec::new();
    for number in 0..2 {
        let lost = run(&server.address, &step);
        assert_eq!(lost.status.code(), Some(69), "{}", err(&lost));
        let id = key_of(&server.requests()[number]).expect("an id");
        assert!(err(&lost).contains(&format!("--command-id {id}")), "{}", err(&lost));
        ids.push(id);
    }
    assert_ne!(ids[0], ids[1]);
    assert!(run(&server.address, &[&step[..], &["--command-id", &ids[0]]].concat()).status.success());
    assert!(run(&server.address, &["npcs", "unpin", "w", "teo", "--command-id", ID]).status.success());
    let sent: Vec<_> = server.requests()[2..].iter().map(key_of).collect();
    assert_eq!(sent, [Some(ids[0].clone()), Some(ID.to_owned())]);
    // Where nobody is there nothing was asked.
    let nobody = run("127.0.0.1:1", &step);
    assert_eq!(nobody.status.code(), Some(69));
    assert!(err(&nobody).contains("worldtick serve") && !err(&nobody).contains("--command-id"), "{}", err(&nobody));
}

#[test]
fn a_pause_for_so_long_is_asked_for_again_with_the_instant_at_which_it_ends() {
    let server = Server::start(vec![String::new(), json("{}"), String::new()]);
    let pause = ["worlds", "pause", "w", "--reason", "lunch"];
    let lost = err(&run(&server.address, &[&pause[..], &["--for", "10m"]].concat()));
    let named = |flag: &str| {
        let rest = lost.split_once(flag).unwrap_or_else(|| panic!("no {flag}: {lost}")).1;
        rest.split([' ', ',']).next().unwrap_or_default().to_owned()
    };
    let (id, until) = (named("--command-id "), named("--until "));
    assert!(lost.contains("in place of --for"), "{lost}");
    let again = run(&server.address, &[&pause[..], &["--until", &until, "--command-id", &id]].concat());
    assert!(again.status.success(), "{}", err(&again));
    let sent = server.requests();
    assert_eq!((&sent[0].body, key_of(&sent[0])), (&sent[1].body, key_of(&sent[1])), "the same under the same id");
    // Whoever names the instant has nothing else to say.
    let lost = err(&run(&server.address, &[&pause[..], &["--until", &until]].concat()));
    assert!(lost.contains("--command-id") && !lost.contains("--until"), "{lost}");
}

#[test]
fn each_try_of_a_change_has_an_id_that_the_next_repetition_has_again() {
    let tagged = |tag: &str| {
        format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nETag: \"{tag}\"\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}"
        )
    };
    let late = || answer("412 Precondition Failed", "application/problem+json", r#"{"detail":"it is another by now"}"#);
    let once = || vec![tagged("1"), late(), tagged("2"), json(r#"{"dry_run":false,"changes":[]}"#)];
    let server = Server::start([once(), once()].concat());
    for _ in 0..2 {
        let set = run(&server.address, &["worlds", "set", "w", "timeScale=60", "--command-id", ID]);
        assert!(set.status.success(), "{}", err(&set));
    }
    let keys: Vec<String> = server.requests().iter().filter_map(key_of).collect();
    assert_eq!((keys.len(), keys[0].as_str()), (4, ID));
    assert_ne!(keys[1], ID, "what came too late is recorded: the next try is another command");
    assert_eq!(keys[..2], keys[2..]);
}

#[test]
fn who_only_looks_needs_no_id() {
    let server = Server::start(vec![json(r#"{"items":[]}"#)]);
    for look in [&["worlds", "list"][..], &["npcs", "show", "w", "teo"], &["worlds", "set", "w", "a=1", "--dry-run"]] {
        let refused = run(&server.address, &[look, &["--command-id", ID]].concat());
        assert_eq!(refused.status.code(), Some(2), "{look:?}: {}", err(&refused));
    }
    assert!(run(&server.address, &["worlds", "list"]).status.success());
    assert_eq!(server.requests().iter().filter_map(key_of).count(), 0);
}
