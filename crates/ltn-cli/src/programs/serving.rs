//! A program as a service: started once per interval, with those who are joined in its environment.
//!
//! Its exit status says whether the run went well; what it writes is not kept. Failing, it is
//! disabled by the node as any other service.

use std::sync::Arc;
use std::time::Duration;

use ltn::{HandlerError, Node, ServiceContext};

use super::{Process, Program, Runner, command_of, result_of};

impl Runner {
    /// Has the program run once per interval.
    pub(crate) async fn serve_often(
        &self,
        node: &Node,
        interval: Duration,
        program: Program,
    ) -> Result<(), ltn::TalkError> {
        let (runner, program) = (self.clone(), Arc::new(program));
        let name = program.name.clone();
        node.service(&name, interval, move |context| {
            let (runner, program) = (runner.clone(), Arc::clone(&program));
            async move { runner.serve_once(&program, &context).await }
        })
        .await
    }

    async fn serve_once(&self, program: &Program, context: &ServiceContext) -> Result<(), String> {
        // Nobody waits for this one, so it waits for its place; a busy moment is no failure.
        let Ok(_place) = self.places.acquire().await else { return Ok(()) };
        let path = context.node.snapshot().await.map(|seen| seen.path.to_string());
        let joined: Vec<String> = context.connections.iter().map(ToString::to_string).collect();
        let mut command = command_of(program, &[]);
        command.env("LTN_NODE", path.unwrap_or_default()).env("LTN_JOINED", joined.join(" "));
        let run = async {
            let mut process = Process::start(&program.name, command)?;
            let finished = process.finish(&program.name).await?;
            result_of(program, finished).map(drop)
        };
        match tokio::time::timeout(program.timeout, run).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(HandlerError::Failed(why))) => Err(why),
            Ok(Err(HandlerError::Refused(no))) => Err(no.to_string()),
            Err(_) => {
                let most = program.timeout.as_secs_f64();
                Err(format!("`{}` took longer than {most} s and was ended", program.name))
            }
        }
    }
}
