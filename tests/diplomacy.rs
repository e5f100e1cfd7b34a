//! Factions: what happens between them by command and of their own accord, what becomes of them, and what is refused.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod diplomacy {
    mod commands;
    mod days;
    mod economy;
    mod file;
    mod many;
    mod same;
    mod store;
    mod support;
    mod temper;
    mod treaties;
}
