//! Orders that come before the worlds run.

use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, bounded, select};

use crate::plugins::host::{OrderError, OrderMessage};

/// While this lives, orders are answered at once: whoever asks need not wait for a cluster or a database that is away.
pub(super) struct TurningAway {
    open: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl TurningAway {
    pub(super) fn begin(orders: Receiver<OrderMessage>) -> std::io::Result<Self> {
        let (open, opened) = bounded::<()>(0);
        let answer = move || loop {
            select! {
                recv(opened) -> _ => return,
                recv(orders) -> order => match order {
                    // Whoever asked may have gone.
                    Ok(order) => drop(order.reply.send(Err(OrderError::Busy))),
                    Err(_) => return,
                },
            }
        };
        let thread = std::thread::Builder::new().name("orders-early".into()).spawn(answer)?;
        Ok(Self { open: Some(open), thread: Some(thread) })
    }
}

impl Drop for TurningAway {
    fn drop(&mut self) {
        drop(self.open.take());
        if let Some(thread) = self.thread.take() {
            // A panic in there has been logged by the hook; there is nothing to add.
            let _ = thread.join();
        }
    }
}
