//! `kitaru deploy` and `kitaru deployments …`
//!
//! Not here: reading and unpacking a project (`kitaru_engine::snapshot`), what a release does (`kitaru_engine::manage`),
//! and loading a flow (the host).

use crate::breakpoints::refused;
use crate::output::{Answer, clean};
use crate::tokens::logged;
use crate::{Context, Released, render, who};
use clap::Subcommand;
use kitaru_core::event::EntryPoint;
use kitaru_core::release::{Deployed, Deployment};
use kitaru_engine::manage::{self, ManageError, NewDeployment, Target, view};
use kitaru_engine::snapshot::{self, Packed};
use serde_json::{Value as Json, json};
use std::path::{Path, PathBuf};

type Result<T> = std::result::Result<T, ManageError>;

/// What makes a folder the top of a project.
const TOPS: &[&str] = &["pyproject.toml", "uv.lock", "setup.py", "setup.cfg", "requirements.txt", ".git"];

/// `kitaru deploy`
#[derive(Debug, clap::Args)]
pub struct Deploy {
    /// FILE.py:FLOW or module:FLOW. The flow's name may be left out if there is one only.
    pub target: String,
    /// What the version is called [default: v and its number].
    #[arg(long)]
    pub version: Option<String>,
    /// A tag that names it from now on: prod. May be given several times.
    #[arg(long)]
    pub tag: Vec<String>,
    /// The project's folder [default: the nearest above FILE that has a pyproject.toml, a requirements.txt or a .git].
    #[arg(long, value_name = "FOLDER")]
    pub root: Option<PathBuf>,
}

/// `kitaru deployments …`
#[derive(Debug, Subcommand)]
pub enum Deployments {
    /// List versions and the tags that name them.
    #[command(alias = "ls")]
    List {
        /// Of this flow only.
        flow: Option<String>,
    },
    /// Have a tag name a version.
    Tag {
        /// The flow.
        flow: String,
        /// The version, or another tag.
        version: String,
        /// The tag.
        tag: String,
    },
    /// Have a tag name again what it named before.
    Rollback {
        /// The flow.
        flow: String,
        /// The tag.
        #[arg(long, default_value = "prod")]
        tag: String,
    },
}

impl Deployments {
    /// The name that JSON answers carry.
    pub fn name(&self) -> &'static str {
        match self {
            Self::List { .. } => "deployments.list",
            Self::Tag { .. } => "deployments.tag",
            Self::Rollback { .. } => "deployments.rollback",
        }
    }
}

/// Where a flow is that was named on the command line.
struct Place {
    root: PathBuf,
    entry: EntryPoint,
}

/// `deploy`
pub fn deploy(context: &mut Context<'_>, asked: &Deploy) -> Result<Answer> {
    let Place { root, entry } = place(&asked.target, asked.root.as_deref())?;
    let own = [context.place.home.clone(), PathBuf::from(&context.place.address)];
    let own: Vec<PathBuf> = own.iter().filter_map(|path| path.canonicalize().ok()).collect();
    let packed = snapshot::pack(context.store.as_ref(), &root, &own)?;
    // It is loaded from what was kept: a file that is missing there is missed now, and not by a worker.
    let trial = Deployed { flow: "?".to_owned(), version: "?".to_owned(), snapshot: packed.snapshot };
    let found = context.host.released(&EntryPoint { deployment: Some(trial), ..entry.clone() }, &context.place);
    let Released { flow, qualname, code, python } = found.map_err(refused)?;
    let entry = EntryPoint { qualname, ..entry };
    let new = NewDeployment {
        flow,
        version: asked.version.clone(),
        tags: asked.tag.clone(),
        entry,
        code,
        python,
        packed: &packed,
    };
    let given = json!({ "flow": new.flow, "version": new.version, "tags": new.tags });
    let now = context.now();
    let (deployment, is_new) = logged(context, ("deployFlow", Target::Nothing), &given, |context| {
        manage::deploy(context.store.as_ref(), &new, &who(), now)
    })?;
    let item = view::deployment(context.store.as_ref(), &new.flow, &deployment.version)?;
    let text = told(&new, &deployment, is_new, &root);
    Ok(Answer { item: Some(item), text, messages: notes(&packed), ..Answer::default() })
}

fn told(new: &NewDeployment<'_>, one: &Deployment, is_new: bool, root: &Path) -> String {
    let (flow, version) = (clean(&new.flow), clean(&one.version));
    let tags: Vec<String> = new.tags.iter().map(|tag| clean(tag)).collect();
    let tags = if tags.is_empty() { String::new() } else { format!(", tagged {}", tags.join(", ")) };
    let what = if is_new { "" } else { "nothing has changed: " };
    let lock = one.lock.as_ref().map_or_else(|| "no lock file".to_owned(), |lock| clean(lock));
    let name = new.tags.first().map_or(version.clone(), |tag| clean(tag));
    format!(
        "{what}{flow}@{version}{tags}: {} files, {} KiB, of {} (Python {}, {lock})\nrun it: kitaru run {flow}@{name}",
        one.files,
        one.size.div_ceil(1024),
        clean(&root.display().to_string()),
        clean(&one.python),
    )
}

fn notes(packed: &Packed) -> Vec<String> {
    if packed.links.is_empty() {
        return Vec::new();
    }
    let named: Vec<String> = packed.links.iter().take(5).map(|link| clean(link)).collect();
    vec![format!("note: symbolic links are left out: {} ({})", packed.links.len(), named.join(", "))]
}

/// `deployments …`
pub fn deployments(context: &mut Context<'_>, one: &Deployments) -> Result<Answer> {
    match one {
        Deployments::List { flow } => list(context, flow.as_deref()),
        Deployments::Tag { flow, version, tag } => {
            let given = json!({ "flow": flow, "version": version, "tag": tag });
            let now = context.now();
            logged(context, ("tagDeployment", Target::Nothing), &given, |context| {
                manage::tag_deployment(context.store.as_ref(), flow, (version, tag), &who(), now)
            })?;
            names(context, flow, tag)
        }
        Deployments::Rollback { flow, tag } => {
            let given = json!({ "flow": flow, "tag": tag });
            let now = context.now();
            logged(context, ("rollBackDeployment", Target::Nothing), &given, |context| {
                manage::roll_back(context.store.as_ref(), flow, tag, &who(), now)
            })?;
            names(context, flow, tag)
        }
    }
}

/// What a tag names now.
fn names(context: &mut Context<'_>, flow: &str, tag: &str) -> Result<Answer> {
    let item = view::deployment(context.store.as_ref(), flow, tag)?;
    let version = render::field(&item, "version");
    let text = format!(
        "{}@{} is {} now; what runs stays on the version that it began with",
        clean(flow),
        clean(tag),
        clean(&version)
    );
    Ok(Answer { item: Some(item), text, ..Answer::default() })
}

fn list(context: &mut Context<'_>, flow: Option<&str>) -> Result<Answer> {
    let items = view::deployments(context.store.as_ref(), flow)?;
    let text = if items.is_empty() {
        "no deployments: kitaru deploy FILE.py:FLOW --tag prod".to_owned()
    } else {
        render::table(
            &items,
            &[
                ("FLOW", |item| render::cut(&render::field(item, "flow"), 24)),
                ("VERSION", |item| render::cut(&render::field(item, "version"), 24)),
                ("TAGS", |item| {
                    let tags: Vec<&str> =
                        item["tags"].as_array().into_iter().flatten().filter_map(Json::as_str).collect();
                    tags.join(", ")
                }),
                ("DEPLOYED", |item| render::field(item, "at")),
                ("BY", |item| render::cut(&render::field(item, "by"), 24)),
                ("FILES", |item| render::field(item, "files")),
                ("PYTHON", |item| render::field(item, "python")),
                ("LOCK", |item| render::cut(&render::field(item, "lock"), 20)),
            ],
        )
    };
    Ok(Answer { items: Some(items), text, ..Answer::default() })
}

/// Where a flow is, below its project's folder.
fn place(target: &str, root: Option<&Path>) -> Result<Place> {
    let disk = |error: std::io::Error| ManageError::new("snapshot", format!("{target}: {error}"), None);
    let (what, name) = match target.get(2..).is_some_and(|rest| rest.contains(':')) {
        true => target.rsplit_once(':').unwrap_or((target, "")),
        false => (target, ""),
    };
    let here = std::env::current_dir().map_err(disk)?;
    let is_file = what.ends_with(".py") || what.contains(std::path::MAIN_SEPARATOR);
    let file = is_file
        .then(|| here.join(what).canonicalize())
        .transpose()
        .map_err(|_| ManageError::new("flow-import", format!("there is no file {what}"), None))?;
    let from = file.as_deref().and_then(Path::parent).unwrap_or(&here);
    let root = match root {
        Some(root) => root.canonicalize().map_err(disk)?,
        None => top(from).canonicalize().map_err(disk)?,
    };
    let odd = || {
        let message = format!("{} is not below the project's folder {}", from.display(), root.display());
        ManageError::new("usage", message, Some("name another: --root FOLDER".to_owned()))
    };
    let from = from.canonicalize().map_err(disk)?;
    let folder = below(&root, &from).ok_or_else(odd)?;
    let mut path = vec![folder.clone()];
    if !folder.is_empty() {
        path.push(String::new());
    }
    if root.join("src").is_dir() && folder != "src" {
        path.push("src".to_owned());
    }
    let module = match &file {
        Some(file) => file.file_stem().map(|stem| stem.to_string_lossy().into_owned()),
        None => Some(what.to_owned()),
    };
    let file = file.as_deref().map(|file| below(&root, file).ok_or_else(odd)).transpose()?;
    let entry = EntryPoint { module, file, qualname: name.to_owned(), path, ..EntryPoint::default() };
    Ok(Place { root, entry })
}

fn top(from: &Path) -> &Path {
    from.ancestors().find(|folder| TOPS.iter().any(|name| folder.join(name).exists())).unwrap_or(from)
}

fn below(root: &Path, path: &Path) -> Option<String> {
    let names: Option<Vec<&str>> = path.strip_prefix(root).ok()?.iter().map(std::ffi::OsStr::to_str).collect();
    Some(names?.join("/"))
}
