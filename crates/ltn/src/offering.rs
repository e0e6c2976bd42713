//! Handlers that can also refuse: for programs that know before they begin that they will not.
//!
//! This room only wraps handlers; what becomes of their answers is decided in `handlers.rs`.

use std::future::Future;
use std::sync::Arc;

use ltn_proto::{CommandSpec, Value};

use crate::error::TalkError;
use crate::handlers::{Offer, running};
use crate::node::Node;
use crate::words::{HandlerError, Invocation, Question};

impl Node {
    /// As [`Node::handle`], for a function that may also refuse: the asker then knows that nothing
    /// was done.
    pub async fn handle_or_refuse<F, Fut>(&self, name: &str, handler: F) -> Result<(), TalkError>
    where
        F: Fn(Question) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Value, HandlerError>> + Send + 'static,
    {
        let function = Arc::new(move |question| running(handler(question)));
        self.put_on_offer(name, Offer::Function(function)).await
    }

    /// As [`Node::command`], for a function that may also refuse: the caller then knows that
    /// nothing was done.
    pub async fn command_or_refuse<F, Fut>(
        &self,
        spec: CommandSpec,
        handler: F,
    ) -> Result<(), TalkError>
    where
        F: Fn(Invocation) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Value, HandlerError>> + Send + 'static,
    {
        let action = Arc::new(move |invocation| running(handler(invocation)));
        let name = spec.name.clone();
        self.put_on_offer(&name, Offer::Command(spec, action)).await
    }
}
