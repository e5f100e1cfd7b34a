//! The whole server with a plugin of one's own: its component survives restarts, its events are on the topic.
//!
//! `cargo run --example custom_plugin`, then in another terminal
//! `worldtick events tail --type simulation.event.ships_guided`. It is configured like the `worldtick` program, by
//! files and the environment.

mod plugin;

use plugin::HarbourPlugin;
use worldtick::Server;
use worldtick::config::Layers;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let config = Layers::of_process().load()?.config;
    Server::builder(config)
        .add_plugins(|app| {
            app.add_plugins(HarbourPlugin);
        })
        .run()?;
    Ok(())
}
