//! Under which id a change is asked for, so that it can be asked for again where no answer came.

use clap::Args;
use uuid::Uuid;

use super::client::HEADING;
use super::error::{CliError, Exit};

/// Under which id something is asked for that changes a world.
#[derive(Debug, Clone, Default, Args)]
pub struct CommandArgs {
    /// Id of the command, for those that change something; without it, a new one. What was asked for under an id is done
    /// once: after a connection that was lost, ask again with the id that the error named
    #[arg(long, global = true, help_heading = HEADING, value_name = "UUID")]
    pub command_id: Option<Uuid>,
}

impl CommandArgs {
    /// The id of this command.
    ///
    /// # Errors
    /// If one is given for what `changes` nothing.
    pub(super) fn id(&self, changes: bool) -> Result<Uuid, CliError> {
        if self.command_id.is_some() && !changes {
            let error = CliError::new(Exit::Usage, "--command-id is for what changes something");
            return Err(error.help("leave it out: what only looks can be asked again as often as you like"));
        }
        Ok(self.command_id.unwrap_or_else(Uuid::new_v4))
    }
}

/// The id of one try: a try that came too late is recorded under its own, and the next is another command. Whoever asks
/// again goes through the same ids.
pub(super) fn id_of_try(id: Uuid, tried: u32) -> Uuid {
    if tried == 0 { id } else { Uuid::new_v5(&id, &tried.to_be_bytes()) }
}

/// Whether a request has not even left: then nothing was done.
pub(super) fn was_never_asked(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => true,
        ureq::Error::Timeout(part) => matches!(part, ureq::Timeout::Resolve | ureq::Timeout::Connect),
        ureq::Error::Io(error) => error.kind() == std::io::ErrorKind::ConnectionRefused,
        _ => false,
    }
}
