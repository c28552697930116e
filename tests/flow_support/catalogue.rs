//! The files of the catalogue's flows.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use callcast::sim::Flow;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/flows")
}

/// The flow that the environment variable FLOW names, if it names one.
pub fn wanted() -> Option<String> {
    std::env::var("FLOW").ok().filter(|id| !id.is_empty())
}

/// The flows that stand in the folder, or that one of them that FLOW names; each with its id, and what is wrong with its file.
pub fn flows() -> Vec<(String, Result<Flow, String>)> {
    let entries = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let files = entries.filter(|path| path.extension().is_some_and(|ending| ending == "flow"));
    let ids: BTreeSet<String> = files.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    let wanted = wanted();
    ids.into_iter().filter(|id| wanted.as_ref().is_none_or(|wanted| wanted == id)).map(|id| (id.clone(), read(&id))).collect()
}

fn read(id: &str) -> Result<Flow, String> {
    let path = folder().join(format!("{id}.flow"));
    let text = std::fs::read_to_string(&path).map_err(|e| e.to_string())?;
    Flow::parse(&text).map_err(|e| format!("tests/flows/{id}.flow: {e}"))
}
