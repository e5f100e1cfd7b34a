//! What the programs say, as golden files: help, checking the configuration, checking messages.
//!
//! After a change on purpose: `TRYCMD=overwrite cargo test --test cli_commands`.

#![cfg(feature = "server")]

#[test]
fn the_programs_say_what_the_golden_files_hold() {
    let cases = trycmd::TestCases::new();
    cases.register_bins([
        ("worldtick", bin(env!("CARGO_BIN_EXE_worldtick"))),
        ("simulation-ticker", bin(env!("CARGO_BIN_EXE_simulation-ticker"))),
    ]);
    for name in [
        "KAFKA_BOOTSTRAP_SERVERS",
        "DATABASE_URL",
        "LOG_LEVEL",
        "WORLDTICK_CONFIG",
        "WORLDTICK_SERVER",
        "WORLDTICK_TOKEN",
        "WORLDTICK_DATA_DIR",
    ] {
        // Empty is unset: what the machine of the test has set must not matter.
        cases.env(name, "");
    }
    cases.env("NO_COLOR", "1").env("COLUMNS", "100").case("tests/cmd/*.trycmd");
}

fn bin(path: &'static str) -> trycmd::schema::Bin {
    trycmd::schema::Bin::Path(path.into())
}
