//! What another node offers, asked of that node itself.

use ltn_proto::{CommandSpec, Value};

use super::{Node, unreadable};
use crate::error::TalkError;
use crate::listing;
use crate::words::IntoTarget;

impl Node {
    /// What this node can be told to do: the declarations of its commands, the built-in ones and
    /// its program's own, in the order of their names.
    pub async fn commands_of(
        &self,
        target: impl IntoTarget,
    ) -> Result<Vec<CommandSpec>, TalkError> {
        let list = self.request(target, listing::COMMANDS, Value::Null).await?;
        listing::commands(&list).ok_or_else(|| unreadable("list of commands"))
    }
}
