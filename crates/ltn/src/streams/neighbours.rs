//! Streams end with the link to the neighbour that they go through: whoever was thrown out, or is
//! silent for too long, keeps none.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::watch;

/// The link to one neighbour, as its streams see it. Dropping it ends them.
#[derive(Debug)]
pub(super) struct LinkLife(watch::Sender<Option<String>>);

impl Default for LinkLife {
    fn default() -> Self {
        Self(watch::Sender::new(None))
    }
}

impl LinkLife {
    /// What a stream holds that goes through there.
    pub(super) fn cut(&self) -> Cut {
        let mut told = self.0.subscribe();
        Cut(Box::pin(async move {
            let why = told.wait_for(Option::is_some).await;
            let why = why.ok().and_then(|why| why.clone());
            why.unwrap_or_else(|| "this node stops".to_owned())
        }))
    }

    /// The link is gone: all streams through there end for this reason.
    pub(super) fn end(self, why: String) {
        self.0.send_replace(Some(why));
    }
}

/// Ready, with the reason, when the link to the neighbour of a stream is gone.
pub(crate) struct Cut(Pin<Box<dyn Future<Output = String> + Send + Sync>>);

impl Cut {
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<String> {
        self.0.as_mut().poll(cx)
    }

    /// The same as a future.
    pub(super) async fn wait(self) -> String {
        self.0.await
    }
}

impl std::fmt::Debug for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cut")
    }
}
