//! The page's files, which are part of the binary.

use hyper::{HeaderMap, Response};

use super::respond::{self, Body};

struct File {
    path: &'static str,
    content_type: &'static str,
    text: &'static str,
}

const SCRIPT: &str = "text/javascript; charset=utf-8";

macro_rules! files {
    ($($path:literal $name:literal $content_type:expr;)*) => {
        const FILES: &[File] =
            &[$(File { path: $path, content_type: $content_type, text: include_str!(concat!("page/", $name)) }),*];
    };
}

files! {
    "/" "index.html" "text/html; charset=utf-8";
    "/style.css" "style.css" "text/css; charset=utf-8";
    "/icon.svg" "icon.svg" "image/svg+xml";
    "/main.js" "main.js" SCRIPT;
    "/connection.js" "connection.js" SCRIPT;
    "/devices.js" "devices.js" SCRIPT;
    "/wall.js" "wall.js" SCRIPT;
    "/pop.js" "pop.js" SCRIPT;
    "/pop-view.js" "pop-view.js" SCRIPT;
    "/template.js" "template.js" SCRIPT;
    "/health.js" "health.js" SCRIPT;
}

/// The file at a path, or that the browser has it already.
pub fn file(path: &str, request: &HeaderMap) -> Option<Response<Body>> {
    let file = FILES.iter().find(|file| file.path == path)?;
    Some(respond::unchanging(request, file.content_type, file.text))
}
