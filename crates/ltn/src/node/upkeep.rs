//! What a node does beside talking: its services, what it has to say, and what is at work in it.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use ltn_proto::{Op, ServiceStatus, ServiceWish};
use tokio::sync::{broadcast, oneshot};

use super::{Node, done};
use crate::driver::{Ask, End, Waited};
use crate::error::TalkError;
use crate::log::LogBook;
use crate::notice::Notice;
use crate::services::Routine;
use crate::words::{ServiceContext, TaskStatus};

impl Node {
    /// Has this routine run now and then once per interval, in a task of its own; it takes the
    /// place of an earlier one of this name. One run at a time: ticks that pass meanwhile are
    /// skipped. One that fails, or panics, is disabled and shown as such (see [`Self::services`])
    /// until it is enabled again, or the node restarts.
    ///
    /// ```
    /// use std::time::Duration;
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let net = ltn::MemoryNet::default();
    /// let main = ltn::MainServer::builder().open().in_memory(&net).start().await?;
    /// main.service("greet", Duration::from_secs(60), |context| async move {
    ///     for somebody in context.connections {
    ///         context.node.cast(somebody, "still here?").await.map_err(|e| e.to_string())?;
    ///     }
    ///     Ok(())
    /// })
    /// .await?;
    /// main.set_service_enabled("greet", false).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn service<F, Fut>(
        &self,
        name: &str,
        interval: Duration,
        routine: F,
    ) -> Result<(), TalkError>
    where
        F: Fn(ServiceContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), String>> + Send + 'static,
    {
        let node = self.without_queues();
        let routine: Routine = Arc::new(move |run| {
            let context = ServiceContext { node: node.clone(), connections: run.connections };
            Box::pin(routine(context))
        });
        let id = self.next_op();
        let (end, ended) = oneshot::channel();
        let wish = ServiceWish::Keep { name: name.to_owned(), interval };
        let op = Op::Service { op: id, wish };
        let ask = Waited { id, op, end: End::Service(routine, end), room: None };
        self.ask(Ask::Wait(Box::new(ask))).await?;
        done(ended.await.map_err(|_| TalkError::Stopped)?).map(drop)
    }

    /// Has a service no longer; a run that is under way is ended. Those that come with the node
    /// stay and can be disabled.
    pub async fn remove_service(&self, name: &str) -> Result<(), TalkError> {
        self.wish(ServiceWish::Remove { name: name.to_owned() }).await
    }

    /// Switches a service on or off. One that is switched on runs at once, then once per interval;
    /// a run that is under way goes on to its end.
    pub async fn set_service_enabled(&self, name: &str, enabled: bool) -> Result<(), TalkError> {
        self.wish(ServiceWish::Enable { name: Some(name.to_owned()), enabled }).await
    }

    /// As [`Self::set_service_enabled`] for all services, those that come with the node too.
    pub async fn set_all_services_enabled(&self, enabled: bool) -> Result<(), TalkError> {
        self.wish(ServiceWish::Enable { name: None, enabled }).await
    }

    /// Begins a run of this service now, whether it is due or enabled or not, and does not wait for
    /// its end. Refused as busy if it is running already.
    pub async fn run_service_now(&self, name: &str) -> Result<(), TalkError> {
        self.wish(ServiceWish::RunNow { name: name.to_owned() }).await
    }

    /// All services of this node, and how they are doing.
    pub async fn services(&self) -> Result<Vec<ServiceStatus>, TalkError> {
        Ok(self.snapshot().await?.services)
    }

    async fn wish(&self, wish: ServiceWish) -> Result<(), TalkError> {
        done(self.outcome_of(|op| Op::Service { op, wish }, None).await?).map(drop)
    }

    /// All that this node has to say from now on, one line at a time, to be shown, sent on or muted
    /// by its kind. A receiver that falls 1,024 lines behind misses the oldest and is told so.
    #[must_use]
    pub fn notices(&self) -> broadcast::Receiver<Notice> {
        self.shared.log.listen()
    }

    /// The last 1,000 things that this node had to say, the oldest first.
    #[must_use]
    pub fn log(&self) -> Vec<Notice> {
        self.shared.log.all()
    }

    /// The last 200 warnings and errors, the oldest first, however much else was said since.
    #[must_use]
    pub fn troubles(&self) -> Vec<Notice> {
        self.shared.log.troubles()
    }

    pub(crate) fn log_book(&self) -> &LogBook {
        &self.shared.log
    }

    /// What is at work in this node, and how it is doing.
    pub async fn tasks(&self) -> Result<Vec<TaskStatus>, TalkError> {
        let (reply, tasks) = oneshot::channel();
        self.ask(Ask::Tasks(reply)).await?;
        tasks.await.map_err(|_| TalkError::Stopped)
    }
}
