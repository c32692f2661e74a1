//! `kitaru server`, `kitaru up` and `kitaru mcp`: one process that serves until it is told to stop.
//!
//! Not here: what is served (`kitaru_server`).

use crate::args::{Listen, Mcp};
use crate::output::{self, Answer};
use crate::{Context, who_by};
use kitaru_engine::manage::ManageError;
use kitaru_server::{Config, Scope, Stdio};
use serde_json::json;
use std::io::IsTerminal;
use std::sync::Arc;

/// Serves. `at_once`: how many executions are carried on at once; 0: none.
pub fn serve(context: &mut Context<'_>, listen: &Listen, at_once: u16) -> Result<Answer, ManageError> {
    refuse_memory(context)?;
    let place = &context.place;
    let config = Config {
        host: listen.host,
        port: listen.port,
        store: Arc::clone(&context.store),
        place: (place.address.clone(), place.home.clone(), place.normal),
        complain: output::say,
        at_once: at_once.into(),
    };
    let (json, command) = (context.json, if at_once > 0 { "up" } else { "server" });
    let mut url = String::new();
    kitaru_server::serve(config, &mut |address| {
        url = format!("http://{address}");
        let line = if json {
            json!({ "command": command, "item": { "url": url } }).to_string()
        } else {
            let what =
                if at_once > 0 { "carries executions on" } else { "only serves: kitaru up carries executions on" };
            format!("{url}  ({what}; Ctrl-C stops it)")
        };
        // Whoever closed the output wants to be served all the same.
        drop(output::print(&format!("{line}\n")));
    })?;
    let item = json!({ "url": url, "stopped": true });
    Ok(Answer { item: Some(item), messages: vec!["stopped".to_owned()], ..Answer::default() })
}

fn refuse_memory(context: &Context<'_>) -> Result<(), ManageError> {
    if context.place.address != "memory:" {
        return Ok(());
    }
    let message = "a store in memory is another one in every process: there is nothing to serve";
    Err(ManageError::new("usage", message, Some("--store PATH".to_owned())))
}

/// `mcp`
pub fn mcp(context: &mut Context<'_>, mcp: &Mcp) -> Result<Answer, ManageError> {
    refuse_memory(context)?;
    if std::io::stdin().is_terminal() {
        output::say("this is for an AI assistant's configuration: it speaks the Model Context Protocol here");
    }
    let place = &context.place;
    kitaru_server::serve_stdio(Stdio {
        store: Arc::clone(&context.store),
        place: (place.address.clone(), place.home.clone(), place.normal),
        complain: output::say,
        at_once: mcp.at_once.into(),
        allow: Scope::parse(&mcp.allow).unwrap_or(Scope::Read),
        by: who_by("mcp"),
    })?;
    Ok(Answer::default())
}
