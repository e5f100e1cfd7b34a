//! The routes of chains, cooldowns and intents.

use super::super::interactions;
use super::super::scope::Scope::{Operate, Read};
use super::{Route, delete, get, post};

/// What runs, what rests, and what is proposed.
pub(super) fn interactions() -> Vec<Route> {
    [chains(), definitions(), intents(), cooldowns()].into_iter().flatten().collect()
}

fn chains() -> Vec<Route> {
    vec![
        get(
            Read,
            "/worlds/{world}/chains",
            interactions::chains,
            "The chains that run: `session`, `npc`, `chain`, `phase` (`waiting`, `blocked`, `open`). A page.",
        )
        .asks(&["session", "npc", "chain", "phase", "cursor", "limit"]),
        post(
            Operate,
            "/worlds/{world}/chains",
            interactions::start,
            "`{\"chain\", \"npc\", \"sessionId\"?}`: starts one. 201; 409 if it runs already or may not be repeated yet.",
        ),
        get(
            Read,
            "/worlds/{world}/chains/{chain}/npcs/{npc}",
            interactions::chain,
            "One, in `session` or in none: where it stands, what its step asks for, and why it does not go on.",
        )
        .asks(&["session"]),
        delete(
            Operate,
            "/worlds/{world}/chains/{chain}/npcs/{npc}",
            interactions::cancel,
            "Cancels it, in `session` or in none.",
        )
        .asks(&["session"]),
        post(
            Operate,
            "/worlds/{world}/chains/{chain}/npcs/{npc}/complete",
            interactions::complete,
            "`{\"step\", \"outcome\"?, \"sessionId\"?}`: says what came of the step at which it stands.",
        ),
        post(
            Operate,
            "/worlds/{world}/chains/{chain}/npcs/{npc}/skip",
            interactions::skip,
            "`{\"step\", \"sessionId\"?}`: passes over the optional step at which it stands.",
        ),
        post(
            Operate,
            "/worlds/{world}/chains/{chain}/npcs/{npc}/forget",
            interactions::forget,
            "`{\"sessionId\"?}`: forgets that it has run.",
        ),
    ]
}

fn definitions() -> Vec<Route> {
    vec![
        get(
            Read,
            "/worlds/{world}/chain-definitions",
            interactions::definitions,
            "The chains that can be started, by id, and whether the world file or a command has defined them. A page.",
        )
        .asks(&["cursor", "limit"]),
        post(
            Operate,
            "/worlds/{world}/chain-definitions",
            interactions::define,
            "`{\"chain\", \"definition\"}`: defines one, as in a world file. 201; 422 with all that is wrong; 409 if the world \
             file has it.",
        ),
        get(
            Read,
            "/worlds/{world}/chain-definitions/{chain}",
            interactions::definition,
            "A definition as it was written.",
        ),
        delete(
            Operate,
            "/worlds/{world}/chain-definitions/{chain}",
            interactions::undefine,
            "Takes one away that was defined by command; those that run of it are gone.",
        ),
    ]
}

fn intents() -> Vec<Route> {
    vec![
        get(
            Read,
            "/worlds/{world}/intents",
            interactions::intents,
            "What NPCs propose: `session`, `npc`, `handedOut`. Each with what it waits for. A page.",
        )
        .asks(&["session", "npc", "handedOut", "cursor", "limit"]),
        post(
            Operate,
            "/worlds/{world}/intents",
            interactions::propose,
            "`{\"kind\", \"npc\", \"sessionId\"?, \"target\"?, …}`: the payload of `intent.propose`. 201; 409 if there is no room.",
        ),
        get(Read, "/worlds/{world}/intents/{intent}", interactions::intent, "One, with its data."),
        delete(Operate, "/worlds/{world}/intents/{intent}", interactions::withdraw, "Takes it back."),
        post(
            Operate,
            "/worlds/{world}/intents/{intent}/acknowledge",
            interactions::acknowledge,
            "`{\"outcome\"?}`: it happens; with an outcome the step of its chain is completed. 409 before it is handed out.",
        ),
        post(
            Operate,
            "/worlds/{world}/intents/{intent}/decline",
            interactions::decline,
            "It does not happen. 409 before it is handed out.",
        ),
    ]
}

fn cooldowns() -> Vec<Route> {
    vec![
        get(
            Read,
            "/worlds/{world}/cooldowns",
            interactions::cooldowns,
            "What rests for `npc` in `session`, in every scope that counts for them, and for how long.",
        )
        .asks(&["npc", "session"]),
        post(
            Operate,
            "/worlds/{world}/cooldowns",
            interactions::use_kind,
            "`{\"kind\", \"npc\"?, \"sessionId\"?}`: an interaction is used, its cooldowns begin. 409 while one lasts.",
        ),
        post(
            Operate,
            "/worlds/{world}/cooldowns/clear",
            interactions::clear,
            "`{\"kind\"?, \"npc\"?, \"sessionId\"?}`: ends cooldowns of exactly these.",
        ),
        get(
            Read,
            "/worlds/{world}/interactions",
            interactions::status,
            "How much runs and waits, limits, what the last steps did, and all counts since the world began.",
        ),
    ]
}
