//! What cannot be used: one dead letter each, key and bytes unchanged, counted once, and the next message is taken.

use std::collections::BTreeMap;

use crate::bridge_support::{Rec, wait_for, write};
use crate::server_support::ticks::{HOURLY_EXAMPLE, Tick};
use crate::server_support::{EVENTS_PER_HOUR, HOURLY, TestServer, metric, world};

/// What the topic takes at most: key, value and some bytes of Kafka's own.
const TOPIC_BYTES_MAX: usize = 131_072;

fn cases() -> Vec<(&'static str, Option<Vec<u8>>)> {
    let text = |text: String| Some(text.into_bytes());
    let change = |from: &str, to: &str| {
        assert!(HOURLY_EXAMPLE.contains(from), "{from}");
        text(HOURLY_EXAMPLE.replace(from, to))
    };
    let tick_id = r#""tick_id":"660e8400-e29b-41d4-a716-446655440001","#;
    vec![
        ("not_json", text("hello".into())),
        ("not_json", text(format!("{HOURLY_EXAMPLE} and more"))),
        ("not_utf8", Some(b"{\"event_id\":\"\xff\xfe\"}".to_vec())),
        ("empty", Some(Vec::new())),
        ("empty", None),
        ("not_json", Some(vec![b'x'; TOPIC_BYTES_MAX - 200])),
        ("schema", text("{}".into())),
        ("schema", text("[1, 2, 3]".into())),
        ("schema", change(r#""data":{"#, r#""data":[{"#).map(|bytes| [&bytes[..bytes.len() - 1], b"]}"].concat())),
        ("schema", change("\"2024-01-15T14:00:00Z\",\"tick_timestamp\"", "\"yesterday\",\"tick_timestamp\"")),
        ("schema", change(tick_id, "")),
        ("schema", change(r#""version":"1.0.0","#, "")),
        ("unknown_type", change("world.tick.hourly", "world.tick.yearly")),
        ("out_of_bounds", change(r#""game_hour":14"#, r#""game_hour":25"#)),
        ("out_of_bounds", change(r#""tick_type":"hourly""#, r#""tick_type":"daily""#)),
        ("too_far_ahead", text(Tick::hourly("gamma", "2078-05-16T00:00:00Z").text())),
    ]
}

#[test]
fn what_cannot_be_used_is_one_dead_letter_and_the_next_message_is_taken() {
    let server = TestServer::start(&[world("gamma", "ticks"), world("alpha", "manual")]);
    let first = Tick::hourly("gamma", "2077-01-01T00:00:00Z");
    server.send(HOURLY, 0, &first.text());
    server.history(&first.id, 1);

    let cases = cases();
    let records: Vec<Rec> = cases
        .iter()
        .enumerate()
        .map(|(number, (_, value))| Rec {
            partition: Some(0),
            // Not text on purpose; and one without a key.
            key: (number != 1).then(|| vec![0xff, 0x00, u8::try_from(number).expect("few")]),
            value: value.clone(),
            timestamp_ms: Some(1_705_327_200_000),
            ..Rec::default()
        })
        .collect();
    write(&server.kafka(), HOURLY, &records);
    // Valid, and as large as the topic takes.
    let last = Tick::hourly("gamma", "2077-01-01T01:00:00Z");
    let padding = TOPIC_BYTES_MAX - 200 - last.text().len();
    server.send(HOURLY, 0, &last.text().replacen('{', &format!("{{{}", " ".repeat(padding)), 1));
    let rows = server.history(&last.id, 1);
    assert_eq!(rows[0]["outcome"], "applied", "{rows:?}");
    assert_eq!(rows[0]["offset"], 1 + cases.len(), "the offset has gone on");
    server.wait_until_published();

    let letters = server.read("world.tick.hourly.dlq");
    let mut found: BTreeMap<usize, Rec> = BTreeMap::new();
    for letter in letters {
        let offset: usize = header(&letter, "dlq.original.offset").parse().expect("a number");
        assert!(found.insert(offset - 1, letter).is_none(), "offset {offset} twice");
    }
    assert_eq!(found.len(), cases.len());
    for (number, (class, value)) in cases.iter().enumerate() {
        let (letter, sent) = (&found[&number], &records[number]);
        assert_eq!((&letter.key, &letter.value), (&sent.key, value), "case {number} ({class})");
        assert_eq!(header(letter, "dlq.error.class"), *class, "case {number}");
        assert_eq!(header(letter, "dlq.original.topic"), HOURLY);
        assert_eq!(header(letter, "dlq.original.partition"), "0");
        assert_eq!(header(letter, "dlq.original.timestamp"), "1705327200000");
        assert_eq!(header(letter, "dlq.attempts"), "1");
        assert!(!header(letter, "dlq.error.message").is_empty());
    }

    let text = server.api().get("/metrics").text;
    for class in ["not_json", "not_utf8", "empty", "schema", "unknown_type", "out_of_bounds", "too_far_ahead"] {
        let expected = cases.iter().filter(|(case, _)| *case == class).count();
        let series = format!(r#"worldtick_dead_letters_total{{topic="{HOURLY}",reason="{class}"}}"#);
        let counted = metric(&text, &series);
        assert!((counted - f64::from(u32::try_from(expected).expect("few"))).abs() < 1e-9, "{class}: {counted}");
    }
    let listed = server.api().get("/api/v1/dead-letters?limit=100").ok();
    assert_eq!(listed["items"].as_array().expect("items").len(), cases.len());
    assert_eq!(server.events_of("gamma").len(), 2 * EVENTS_PER_HOUR, "nothing is published of a bad message");
    assert_eq!(server.events_of("alpha").len(), 0);

    // A tick for all that one world cannot take: one letter, and the others run it.
    let far = Tick::hourly("gamma", "2079-01-01T00:00:00Z");
    let far_for_all = far.text().replace(r#","world_id":"gamma""#, "");
    assert_ne!(far_for_all, far.text());
    server.send(HOURLY, 0, &far_for_all);
    let outcomes: BTreeMap<String, String> = server
        .history(&far.id, 2)
        .iter()
        .map(|row| (row["world_id"].as_str().unwrap().to_owned(), row["outcome"].as_str().unwrap().to_owned()))
        .collect();
    let expected = [("alpha", "applied"), ("gamma", "rejected")];
    assert_eq!(outcomes, expected.map(|(world, outcome)| (world.to_owned(), outcome.to_owned())).into());
    wait_for("its letter", || (server.read("world.tick.hourly.dlq").len() == cases.len() + 1).then_some(()));
    assert_eq!(server.world("gamma")["now"], "2077-01-01T01:00:00Z");
}

fn header<'a>(record: &'a Rec, name: &str) -> &'a str {
    let value = record.headers.iter().find(|(found, _)| found == name);
    value.and_then(|(_, value)| std::str::from_utf8(value).ok()).unwrap_or_else(|| panic!("no header {name}"))
}
