//! What ARCHITECTURE.md says of the sources, as far as a test can read it from them.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};

/// A file may have so many lines.
const LINES_MAX: usize = 465;

/// One source file.
struct Source {
    /// From the root of the project, with `/`.
    path: String,
    text: String,
    /// Its code without comments and without what stands in string and character literals.
    code: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// Every `.rs` file below `src/`.
fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    collect(&root().join("src"), &mut found);
    found.sort();
    let sources: Vec<Source> = found.iter().map(|path| read(path)).collect();
    assert!(sources.len() > 100, "only {} files were found: this test would see nothing", sources.len());
    sources
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

fn read(path: &Path) -> Source {
    let text = fs::read_to_string(path).expect("text");
    let path = path.strip_prefix(root()).expect("below the root").to_string_lossy().replace('\\', "/");
    Source { path, code: code_of(&text), text }
}

/// The text without comments and literals; line breaks stay.
fn code_of(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(length) = raw_string(rest) {
            length
        } else if letter == '"' {
            quoted(rest, '"')
        } else if letter == '\'' && is_character(rest) {
            quoted(rest, '\'')
        } else {
            code.push(letter);
            rest = &rest[letter.len_utf8()..];
            continue;
        };
        code.extend(rest[..skipped].matches('\n'));
        code.push(' ');
        rest = &rest[skipped..];
    }
    code
}

/// The length of a raw string that begins here.
fn raw_string(text: &str) -> Option<usize> {
    let after = text.strip_prefix('r')?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    let body = after[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    Some(1 + hashes + 1 + body.find(&end)? + end.len())
}

/// The length of a literal that begins here, backslashes respected.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, letter) in text.char_indices().skip(1) {
        if escaped {
            escaped = false;
        } else if letter == '\\' {
            escaped = true;
        } else if letter == quote {
            return at + letter.len_utf8();
        }
    }
    text.len()
}

/// Whether a character begins here, and not a lifetime.
fn is_character(text: &str) -> bool {
    let mut letters = text.chars().skip(1);
    matches!((letters.next(), letters.next()), (Some('\\'), _) | (Some(_), Some('\'')))
}

/// Lines of `code` in which `word` stands as a word of its own (`rdkafka` is not found in `librdkafka`).
fn lines_with(code: &str, word: &str) -> Vec<usize> {
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    let stands_alone = |line: &str| {
        line.match_indices(word).any(|(at, _)| {
            let before = line[..at].chars().next_back().is_some_and(is_word);
            let after = line[at + word.len()..].chars().next().is_some_and(is_word);
            !before && !after
        })
    };
    code.lines().enumerate().filter(|(_, line)| stands_alone(line)).map(|(index, _)| index + 1).collect()
}

/// Every place outside `allowed` where one of `words` is named in code.
fn named_outside(sources: &[Source], words: &[&str], allowed: impl Fn(&str) -> bool) -> Vec<String> {
    let mut places = Vec::new();
    for source in sources.iter().filter(|source| !allowed(&source.path)) {
        for word in words {
            places.extend(lines_with(&source.code, word).iter().map(|line| format!("{}:{line}: {word}", source.path)));
        }
    }
    places
}

fn below(folders: &[&'static str]) -> impl Fn(&str) -> bool {
    let folders: Vec<&'static str> = folders.to_vec();
    move |path| folders.iter().any(|folder| path.starts_with(folder))
}

fn assert_none(places: &[String], rule: &str) {
    assert!(places.is_empty(), "{rule}\n  {}", places.join("\n  "));
}

#[test]
fn comments_and_literals_are_no_code() {
    let text =
        "let a = \"tokio \\\" tokio\"; // tokio\n/* tokio\n */ let b = '\\''; let c = r#\"tokio\"#; fn f<'a>() {} // x";
    assert!(lines_with(&code_of(text), "tokio").is_empty(), "{}", code_of(text));
    assert_eq!(code_of(text).lines().count(), text.lines().count());
    assert_eq!(lines_with(&code_of("\n// no\nuse tokio::time; // tokio"), "tokio"), [3]);
    assert!(lines_with("use librdkafka; rdkafka_sys", "rdkafka").is_empty());
    assert_eq!(lines_with("use rdkafka::x;", "rdkafka"), [1]);
}

#[test]
fn each_client_library_has_one_home() {
    let sources = sources();
    for (words, home) in [
        (["rdkafka", "rdkafka_sys"].as_slice(), "src/plugins/bridge/"),
        (["axum", "tower_http"].as_slice(), "src/plugins/admin/"),
        (["sqlx"].as_slice(), "src/plugins/store/"),
    ] {
        let outside = named_outside(&sources, words, below(&[home]));
        assert_none(&outside, &format!("only {home} may name {words:?}"));
        let inside = sources.iter().any(|source| {
            source.path.starts_with(home) && words.iter().any(|word| !lines_with(&source.code, word).is_empty())
        });
        assert!(inside, "nothing below {home} names {words:?}: the rule has lost its subject");
    }
}

#[test]
fn systems_and_components_do_no_input_or_output_and_see_no_clock_or_thread() {
    let outside_simulation = |path: &str| !below(&["src/systems/", "src/components/"])(path);
    let words =
        ["Instant", "SystemTime", "thread", "fs", "net", "process", "tokio", "crossbeam_channel", "Mutex", "println"];
    assert_none(&named_outside(&sources(), &words, outside_simulation), "a system touches the world outside");
}

#[test]
fn the_simulation_knows_nothing_of_the_server() {
    let simulation = [
        "src/systems/",
        "src/components/",
        "src/messages/",
        "src/world/",
        "src/schedules.rs",
        "src/testing.rs",
        "src/plugins/simulation.rs",
        "src/plugins/economy.rs",
        "src/plugins/crowd.rs",
        "src/plugins/diplomacy.rs",
    ];
    let outside_simulation = |path: &str| !below(&simulation)(path);
    let ours = ["plugins", "server", "config", "cli", "ticker", "failpoint"].map(|part| format!("crate::{part}"));
    let mut words: Vec<&str> = ours.iter().map(String::as_str).collect();
    words.extend(["tokio", "crossbeam_channel", "rdkafka", "sqlx", "axum"]);
    assert_none(&named_outside(&sources(), &words, outside_simulation), "the simulation must build without the server");
}

#[test]
fn components_import_only_ids_money_and_clock() {
    let mut places = Vec::new();
    for source in sources().iter().filter(|source| source.path.starts_with("src/components/")) {
        for (index, line) in source.code.lines().enumerate() {
            let Some((_, path)) = line.split_once("crate::") else { continue };
            let own = ["components::ids", "components::money", "components::clock"];
            if !own.iter().any(|own| path.starts_with(own)) {
                places.push(format!("{}:{}: crate::{path}", source.path, index + 1));
            }
        }
    }
    assert_none(&places, "components may import only ids, money and clock from this crate");
}

#[test]
fn the_bridge_knows_of_the_store_only_four_plain_types() {
    let mut places = Vec::new();
    for source in sources().iter().filter(|source| source.path.starts_with("src/plugins/bridge/")) {
        for (index, line) in source.code.lines().enumerate() {
            let Some((_, names)) = line.split_once("plugins::store::") else { continue };
            let known = ["InputPosition", "OutboxRow", "DeadLetterRow", "ShardId"];
            let names = names.split(|letter: char| !letter.is_alphanumeric()).filter(|name| !name.is_empty());
            places.extend(
                names.filter(|name| !known.contains(name)).map(|name| format!("{}:{}: {name}", source.path, index + 1)),
            );
        }
    }
    assert_none(&places, "the bridge may name only rows and positions of the store");
}

#[test]
fn no_file_is_longer_than_can_be_read_at_once() {
    let sources = sources();
    let long = |source: &&Source| source.text.lines().count() > LINES_MAX;
    let places: Vec<String> = sources
        .iter()
        .filter(long)
        .map(|source| format!("{}: {} lines", source.path, source.text.lines().count()))
        .collect();
    assert_none(&places, &format!("a file has at most {LINES_MAX} lines"));
}

#[test]
fn no_source_names_a_place_on_somebodys_machine() {
    let homes = ["/home/", "/Users/", "/root/"];
    let mut places = Vec::new();
    for source in sources() {
        for (index, line) in source.text.lines().enumerate() {
            if homes.iter().any(|home| line.contains(home)) {
                places.push(format!("{}:{}", source.path, index + 1));
            }
        }
    }
    assert_none(&places, "a path of one machine stands in the sources");
}

#[test]
fn every_invariant_has_a_number_and_says_what_holds_it() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let part = text.split("\n## Invariants\n").nth(1).and_then(|rest| rest.split("\n## ").next()).expect("the section");
    let mut invariants: Vec<String> = Vec::new();
    for line in part.lines() {
        if line.split_once(". ").is_some_and(|(number, _)| number.parse::<usize>().is_ok()) {
            invariants.push(line.to_owned());
        } else if let Some(last) = invariants.last_mut() {
            last.push(' ');
            last.push_str(line.trim());
        }
    }
    assert!(invariants.len() >= 10);
    for (index, invariant) in invariants.iter().enumerate() {
        assert!(invariant.starts_with(&format!("{}. **", index + 1)), "out of order: {invariant}");
        for named in invariant.split('`').filter(|part| part.starts_with("tests/")) {
            assert!(root().join(named).exists(), "{named} is named and is not there");
        }
    }
}

#[test]
fn every_file_that_the_guides_link_to_is_there() {
    let mut pages = vec![root().join("README.md"), root().join("ARCHITECTURE.md"), root().join("CONTRIBUTING.md")];
    for folder in ["docs", "docs/adr", "deploy"] {
        let entries = fs::read_dir(root().join(folder)).expect("a folder");
        let paths = entries.map(|entry| entry.expect("an entry").path());
        pages.extend(paths.filter(|path| path.extension().is_some_and(|ending| ending == "md")));
    }
    let mut broken = Vec::new();
    for page in pages {
        let text = fs::read_to_string(&page).expect("text");
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap_or_default();
            let is_local = !file.is_empty() && !file.contains("://");
            if is_local && !page.parent().expect("a folder").join(file).exists() {
                broken.push(format!("{}: {target}", page.display()));
            }
        }
    }
    assert_none(&broken, "a link leads nowhere");
}
