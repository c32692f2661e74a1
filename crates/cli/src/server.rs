//! `kitaru server`, `kitaru up`, `kitaru worker` and `kitaru mcp`: one process that serves, works or both until it is told
//! to stop.
//!
//! Not here: what is served (`kitaru_server`).

use crate::args::{LogForm, Mcp, Worker};
use crate::guard::Listen;
use crate::output::{self, Answer};
use crate::{Context, who_by};
use kitaru_engine::manage::ManageError;
use kitaru_server::log::{Form, Log};
use kitaru_server::{Config, Rules, Scope, Serves, Stdio};
use serde_json::json;
use std::io::IsTerminal;
use std::sync::Arc;

/// Serves. `at_once`: how many executions are carried on at once; 0: none.
pub fn serve(context: &mut Context<'_>, listen: &Listen, at_once: u16) -> Result<Answer, ManageError> {
    let rules = Rules {
        require_token: listen.require_token,
        tls: listen.tls_cert.clone().zip(listen.tls_key.clone()),
        behind_proxy: listen.behind_proxy,
        allow_host: listen.allow_host.clone(),
        rate: listen.rate,
    };
    let scheme = if rules.tls.is_some() { "https" } else { "http" };
    let config = config(context, (listen.host, listen.port), listen.log, at_once, rules)?;
    let (json, command) = (context.json, if at_once > 0 { "up" } else { "server" });
    let mut url = String::new();
    kitaru_server::serve(config, &mut |address| {
        url = format!("{scheme}://{address}");
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

/// Carries executions on and serves nothing.
pub fn work(context: &mut Context<'_>, asked: &Worker) -> Result<Answer, ManageError> {
    let nowhere = (std::net::Ipv4Addr::LOCALHOST.into(), 0);
    let mut config = config(context, nowhere, asked.log, asked.at_once, Rules::default())?;
    config.serves = Serves { pools: asked.pool.clone(), flows: asked.flows.clone() };
    config.memory = asked.memory_limit;
    let (json, address) = (context.json, context.place.address.clone());
    let pid = std::process::id();
    kitaru_server::work(&config, &mut || {
        let line = if json {
            json!({ "command": "worker", "item": { "pid": pid, "store": address } }).to_string()
        } else {
            format!("carries executions of {} on; Ctrl-C stops it", output::clean(&address))
        };
        // Whoever closed the output wants it to work all the same.
        drop(output::print(&format!("{line}\n")));
    })?;
    let item = json!({ "pid": pid, "stopped": true });
    Ok(Answer { item: Some(item), messages: vec!["stopped".to_owned()], ..Answer::default() })
}

fn config(
    context: &Context<'_>,
    (host, port): (std::net::IpAddr, u16),
    log: LogForm,
    at_once: u16,
    rules: Rules,
) -> Result<Config, ManageError> {
    refuse_memory(context)?;
    let place = &context.place;
    let form = match log {
        LogForm::Off => Form::Off,
        LogForm::Text => Form::Text,
        LogForm::Json => Form::Json,
    };
    Ok(Config {
        host,
        port,
        store: Arc::clone(&context.store),
        place: (place.address.clone(), place.home.clone(), place.normal),
        log: Log::new(form, output::say),
        at_once: at_once.into(),
        serves: Serves::default(),
        memory: None,
        python: context.host.interpreter(),
        rules,
    })
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
        log: Log::new(Form::Off, output::say),
        at_once: mcp.at_once.into(),
        python: context.host.interpreter(),
        allow: Scope::parse(&mcp.allow)
            .ok_or_else(|| ManageError::new("usage", format!("there is no set {}", mcp.allow), None))?,
        by: who_by("mcp"),
    })?;
    Ok(Answer::default())
}
