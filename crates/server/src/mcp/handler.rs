//! The protocol's side: what is listed, who may call it, and calls on threads that may block.
//!
//! Not here: any tool, and how messages come and go (`http`, `stdio`).

use super::told::{Told, refusal, result};
use super::tool::{Call, Tool};
use super::{INSTRUCTIONS, prompts, resources};
use crate::Shared;
use crate::scope::{Caller, Scope};
use axum::http::request::Parts;
use kitaru_engine::manage::ManageError;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, ErrorCode, ErrorData, GetPromptRequestParams, GetPromptResponse,
    Implementation, JsonObject, ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult, ListToolsResult,
    PaginatedRequestParams, ReadResourceRequestParams, ReadResourceResponse, ServerCapabilities, ServerConfig,
};
use rmcp::service::RequestContext;
use rmcp::{RoleServer, ServerHandler};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// How many calls work at once; more wait for their turn.
const AT_ONCE: u32 = 16;

/// How many callers wait for what becomes of an execution at once; more are told where it stands.
const WATCHERS: usize = 64;

/// Answers a client.
#[derive(Clone)]
pub struct Handler {
    shared: Shared,
    tools: Arc<Vec<Tool>>,
    /// Who calls, where there is one caller only; else each request says.
    caller: Option<Caller>,
    places: Arc<Semaphore>,
    watchers: Arc<Semaphore>,
}

impl Handler {
    /// Of a server. `caller`: who calls, where there is one only.
    pub fn new(shared: Shared, caller: Option<Caller>) -> Self {
        let places = Arc::new(Semaphore::new(AT_ONCE as usize));
        let watchers = Arc::new(Semaphore::new(WATCHERS));
        Self { shared, tools: Arc::new(super::tools()), caller, places, watchers }
    }

    /// Waits for calls that are under way, so that none is cut off between what it records and what follows from it.
    pub async fn finish(&self, patience: Duration) {
        drop(tokio::time::timeout(patience, self.places.acquire_many(AT_ONCE)).await);
    }

    fn caller(&self, context: &RequestContext<RoleServer>) -> Result<Caller, ErrorData> {
        let asks = || context.extensions.get::<Parts>().and_then(|parts| parts.extensions.get::<Caller>()).cloned();
        self.caller.clone().or_else(asks).ok_or_else(|| protocol(&ManageError::new("forbidden", "nobody asks", None)))
    }

    /// Does what blocks, on a thread that may.
    async fn work<T, F>(&self, caller: Caller, work: F) -> Result<T, ManageError>
    where
        T: Send + 'static,
        F: FnOnce(&Call) -> Result<T, ManageError> + Send + 'static,
    {
        let broken = |why: String| ManageError::new("misuse", why, None);
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|error| broken(error.to_string()))?;
        let over_stdio = self.caller.as_ref().map(|_| "stdio".to_owned());
        let mut actor = caller.actor();
        actor.from = over_stdio.unwrap_or(actor.from);
        let call = Call { shared: self.shared.clone(), actor, by: caller.by, scope: caller.scope };
        let worked = tokio::task::spawn_blocking(move || {
            let worked = work(&call);
            drop(place);
            worked
        });
        worked.await.map_err(|error| broken(error.to_string()))?
    }

    async fn called(&self, at: usize, caller: Caller, arguments: JsonObject) -> Result<Told, ManageError> {
        let tools = Arc::clone(&self.tools);
        let mut told = self
            .work(caller, move |call| match tools.get(at) {
                Some(tool) => tool.call(call, arguments),
                None => Err(ManageError::new("misuse", "that tool is gone", None)),
            })
            .await?;
        let Some(mut watch) = told.watch.take().filter(super::settle::Watch::is_wanted) else { return Ok(told) };
        let place = self.watchers.try_acquire();
        if place.is_err() {
            watch.look_once();
        }
        // It is done, so what goes wrong with looking is no refusal of it.
        let seen = watch.wait(self.shared.clone()).await;
        told.data["afterwards"] = seen.unwrap_or_else(|error| json!({ "error": error.message }));
        Ok(super::bounded::bounded(told))
    }
}

/// A refusal of what is no tool.
fn protocol(error: &ManageError) -> ErrorData {
    let code = match error.code.as_str() {
        "unknown-execution" | "ambiguous-id" => ErrorCode::RESOURCE_NOT_FOUND,
        "usage" | "forbidden" => ErrorCode::INVALID_PARAMS,
        _ => ErrorCode::INTERNAL_ERROR,
    };
    let data = json!({ "code": error.code, "hint": error.hint });
    ErrorData::new(code, format!("error[{}]: {}", error.code, error.message), Some(data))
}

impl ServerHandler for Handler {
    fn get_info(&self) -> ServerConfig {
        let can = ServerCapabilities::builder().enable_tools().enable_resources().enable_prompts().build();
        let me = Implementation::new("kitaru", env!("CARGO_PKG_VERSION")).with_title("Kitaru");
        ServerConfig::new(can).with_server_info(me).with_instructions(INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let scope = self.caller(&context)?.scope;
        let may = self.tools.iter().filter(|tool| tool.scope <= scope);
        Ok(ListToolsResult::with_all_items(may.map(Tool::listed).collect()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let caller = self.caller(&context)?;
        let Some(at) = self.tools.iter().position(|tool| tool.name == request.name) else {
            return Err(ErrorData::new(
                ErrorCode::INVALID_PARAMS,
                format!("there is no tool {:?}", request.name),
                None,
            ));
        };
        let told = match self.tools[at].scope {
            scope if scope <= caller.scope => self.called(at, caller, request.arguments.unwrap_or_default()).await,
            scope => Err(forbidden(scope)),
        };
        Ok(told.map_or_else(|error| refusal(&error), |told| result(&told)).into())
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let cursor = request.and_then(|request| request.cursor);
        let listed = self.work(self.caller(&context)?, move |call| resources::list(call, cursor)).await;
        listed.map_err(|error| protocol(&error))
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Ok(resources::templates())
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let read = self.work(self.caller(&context)?, move |call| resources::read(call, &request.uri)).await;
        read.map(Into::into).map_err(|error| protocol(&error))
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        Ok(prompts::list())
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let arguments = request.arguments.unwrap_or_default();
        let made = self.work(self.caller(&context)?, move |call| prompts::get(call, &request.name, &arguments)).await;
        made.map(Into::into).map_err(|error| protocol(&error))
    }
}

fn forbidden(scope: Scope) -> ManageError {
    let message = format!("this tool wants the set {}", scope.as_str());
    let hint = format!("whoever set this server up can allow it: kitaru mcp --allow {}", scope.as_str());
    ManageError::new("forbidden", message, Some(hint))
}
