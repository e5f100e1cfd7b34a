//! SIGTERM and Ctrl-C.

use std::io;

use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that ask a server to end.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// From here on the signals do nothing by themselves. Call it within a runtime.
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits for one of them, and says which.
    pub(super) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "Ctrl-C",
        }
    }
}

/// While this lives, the signals end the process at once with exit code 0: a start leaves nothing that needs undoing.
///
/// The first process of a container has no such reaction of its own; without this it could not be stopped while it
/// waits for its database.
pub(super) struct LeaveAtOnce(Option<Runtime>);

impl LeaveAtOnce {
    pub(super) fn begin() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_io()
            .thread_name("worldtick-signals")
            .build()?;
        let mut signals = {
            let _inside = runtime.enter();
            Signals::listen()?
        };
        runtime.spawn(async move {
            let signal = signals.next().await;
            tracing::info!(signal, "told to stop before the start was complete");
            std::process::exit(0);
        });
        Ok(Self(Some(runtime)))
    }
}

impl Drop for LeaveAtOnce {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
