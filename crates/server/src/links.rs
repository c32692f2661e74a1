//! Links that answer one wait: made at `/api/v1/executions/{id}/links`, and shown to people at `/a/SECRET` as a page
//! without scripts, which can be read without a token.
//!
//! To look changes nothing, as programs that scan mail look at every link. The secret stands in the path alone: no
//! cookie is set, so that no page elsewhere can make a browser answer. Not here: what makes it once
//! (`kitaru_engine::manage`).

use crate::Shared;
use crate::access::Door;
use crate::executions::about;
use crate::form;
use crate::given::{At, Given};
use crate::going::{self, Going};
use crate::page::plain;
use crate::problem::{Made, Problem, made};
use crate::route::{Route, post};
use crate::scope::{Caller, Scope};
use axum::Extension;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use kitaru_core::rows::WaitRow;
use kitaru_engine::manage::{self, Actor, After, ManageError, Target, secrets, view};
use kitaru_engine::{Clock, SystemClock};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use std::fmt::Write;
use std::net::IpAddr;

/// How long a link lasts, if nobody says.
const USUAL: &str = "24h";
/// What is shown of the data that goes with a question, in characters.
const SHOWN: usize = 20_000;
/// How many answers are offered as buttons.
const BUTTONS: usize = 12;
/// What the page may do: send its form to where it came from.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

pub fn routes() -> Vec<Route> {
    vec![
        post("/executions/{id}/links", Scope::Operate, "createLink", create)
            .says("Make a link that answers one question of an execution, once, without a token.")
            .body::<Create>()
            .creates()
            .answers("Link"),
    ]
}

/// A link to be made.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Create {
    /// Which question, where several are open.
    wait: Option<String>,
    /// For how long: `90s`, `15m`, `24h` (the usual), `30d`.
    #[schemars(regex(pattern = r"^[0-9]{1,6}[smhd]$"))]
    expires: Option<String>,
}

async fn create(
    State(shared): State<Shared>,
    At(id): At<String>,
    caller: Caller,
    Extension(door): Extension<Door>,
    headers: HeaderMap,
    Given(asked): Given<Create>,
) -> Made {
    let url = door.url(&headers);
    let answered = about(&shared, id, move |shared, row| {
        let lasts = manage::span_of(asked.expires.as_deref().unwrap_or(USUAL))?;
        let (store, now) = (shared.store.as_ref(), shared.now());
        let (link, secret) = manage::create_link(store, &row, asked.wait.as_deref(), lasts, &caller.by, now)?;
        Ok(view::link(&link, &secret, &url))
    });
    made(answered.await)
}

/// `GET /a/SECRET`
pub async fn page(State(shared): State<Shared>, Extension(door): Extension<Door>, request: Request) -> Response {
    let from = door.from(&request);
    let Some(secret) = secret(&request) else { return gone(&door, from, &unknown()) };
    let looked = tokio::task::spawn_blocking(move || {
        let store = shared.store.as_ref();
        let (_, wait) = manage::linked(store, &secret, shared.now())?;
        let data = wait.data.as_ref().map(|data| view::value(store, data)).transpose()?;
        Ok::<_, ManageError>(question(&wait, data.as_ref()))
    });
    match looked.await {
        Ok(Ok(text)) => shown(StatusCode::OK, &text),
        Ok(Err(error)) => gone(&door, from, &error),
        Err(error) => Problem::broken(&error).into_response(),
    }
}

/// `POST /a/SECRET`, which answers.
pub async fn answer(State(shared): State<Shared>, Extension(door): Extension<Door>, request: Request) -> Response {
    let from = door.from(&request);
    let Some(secret) = secret(&request) else { return gone(&door, from, &unknown()) };
    let fields = match form::read(request).await {
        Ok(fields) => fields,
        Err(problem) => return problem.into_response(),
    };
    let made = tokio::task::spawn_blocking(move || answered(&shared, &secret, &fields, from));
    match made.await {
        Ok(Ok(Said::Done(page))) => shown(StatusCode::OK, &page),
        Ok(Ok(Said::Wrong(why, page))) => {
            let text = page.replacen(PROBLEM, &format!("<p class=problem role=alert>{}</p>", plain(&why)), 1);
            shown(StatusCode::UNPROCESSABLE_ENTITY, &text)
        }
        Ok(Err(error)) => gone(&door, from, &error),
        Err(error) => Problem::broken(&error).into_response(),
    }
}

/// What became of an answer.
enum Said {
    /// It is recorded: the page that says so.
    Done(String),
    /// It does not fit, and is asked for again.
    Wrong(String, String),
}

fn answered(
    shared: &Shared,
    secret: &str,
    fields: &[(String, String)],
    from: Option<IpAddr>,
) -> Result<Said, ManageError> {
    let store = shared.store.as_ref();
    let (link, wait) = manage::linked(store, secret, shared.now())?;
    let again = |why: String| {
        let data = wait.data.as_ref().map(|data| view::value(store, data)).transpose()?;
        Ok(Said::Wrong(why, question(&wait, data.as_ref())))
    };
    let value = match given(fields) {
        Ok(value) => value,
        Err(why) => return again(why),
    };
    let from = from.map_or_else(|| "link".to_owned(), |from| format!("link {from}"));
    let actor = Actor { by: format!("link {} by {}", link.id, link.by), token: None, from };
    let (target, told) = (Target::Execution(link.execution_id.as_str()), json!({ "wait": wait.key, "value": value }));
    let done = manage::audited(store, &actor, ("answerWait", target), &told, &|| SystemClock.now(), || {
        manage::answer_link(store, secret, &value, shared.now())
    });
    let done = match done {
        Err(error) if error.code == "bad-answer" => return again(error.message),
        done => done?,
    };
    if manage::after_answer(store, &done, &SystemClock)? == After::Carry {
        going::go_on(shared, &done.root, Going::on("answer"))?;
    }
    Ok(Said::Done(thanks(&done.wait)))
}

/// The value of a form: JSON, or a text as it was typed.
fn given(fields: &[(String, String)]) -> Result<Value, String> {
    match fields {
        [(name, text)] if name == "value" => manage::exact(text).map_err(|error| format!("that is not JSON: {error}")),
        [(name, text)] if name == "text" => Ok(json!(text.replace("\r\n", "\n"))),
        _ => Err("there is no answer in what was sent".to_owned()),
    }
}

fn secret(request: &Request) -> Option<String> {
    let text = request.uri().path().strip_prefix("/a/")?;
    secrets::public("kta", text).map(|_| text.to_owned())
}

fn unknown() -> ManageError {
    ManageError::new("unknown-link", "this is no link to a question", None)
}

/// Where the page says what is wrong with an answer.
const PROBLEM: &str = "<!-- problem -->";

fn question(wait: &WaitRow, data: Option<&Value>) -> String {
    let mut page = format!("<h1>A question</h1>{PROBLEM}<p class=question>{}</p>", plain(&wait.question));
    if let Some(data) = data {
        let text = match data {
            Value::String(text) => text.clone(),
            other => format!("{other:#}"),
        };
        let mut kept: String = text.chars().take(SHOWN).collect();
        if kept.len() < text.len() {
            kept.push_str("\n… (cut)");
        }
        _ = write!(page, "<pre>{}</pre>", plain(&kept));
    }
    page.push_str("<form method=post>");
    page.push_str(&fields(wait.schema.as_ref()));
    page.push_str("</form><p class=small>It can be answered once. To look at it changes nothing.</p>");
    page
}

/// A button for each answer, where they are few; else a field.
fn fields(schema: Option<&Value>) -> String {
    let kind = schema.and_then(|schema| schema.get("type")).and_then(Value::as_str);
    let few = schema.and_then(|schema| schema.get("enum")).and_then(Value::as_array);
    let few = match (kind, few) {
        (_, Some(few)) if !few.is_empty() && few.len() <= BUTTONS => few.clone(),
        (Some("boolean"), None) => vec![json!(true), json!(false)],
        (Some("string"), _) => {
            return "<label>Answer<textarea name=text rows=6></textarea></label><button>Send</button>".to_owned();
        }
        _ => {
            let schema = schema
                .map(|schema| format!("<p class=small>It has to fit:</p><pre>{}</pre>", plain(&format!("{schema:#}"))));
            let field =
                "<label>Answer, as JSON<textarea name=value rows=6 required></textarea></label><button>Send</button>";
            return format!("{}{field}", schema.unwrap_or_default());
        }
    };
    let button = |value: &Value| {
        let label = match value {
            Value::Bool(true) => "Yes".to_owned(),
            Value::Bool(false) => "No".to_owned(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        format!("<button name=value value=\"{}\">{}</button> ", plain(&value.to_string()), plain(&label))
    };
    few.iter().map(button).collect()
}

fn thanks(wait: &WaitRow) -> String {
    format!("<h1>Thank you</h1><p>The answer is recorded.</p><p class=question>{}</p>", plain(&wait.question))
}

/// What cannot be answered, as a page. Whoever tries many is made to wait.
fn gone(door: &Door, from: Option<IpAddr>, error: &ManageError) -> Response {
    let status = match error.code.as_str() {
        "unknown-link" => StatusCode::NOT_FOUND,
        "link-over" | "already-answered" | "already-timed-out" | "already-ended" => StatusCode::GONE,
        "store-busy" => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let text = format!("<h1>Nothing to answer</h1><p>{}</p>", plain(&error.message));
    if status == StatusCode::NOT_FOUND {
        let refused = door.failed(from, Problem::new(status, "unknown-link", error.message.clone()));
        if refused.status() == StatusCode::TOO_MANY_REQUESTS {
            return refused.into_response();
        }
    }
    shown(status, &text)
}

fn shown(status: StatusCode, body: &str) -> Response {
    let page = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
        <meta name=robots content=noindex><title>Kitaru</title><link rel=stylesheet href=/style.css>{body}"
    );
    let mut response = (status, Html(page)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
