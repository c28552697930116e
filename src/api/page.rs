//! The page's files, which are part of the binary.

use hyper::header::{ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue};
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
    "/callcast.js" "callcast.js" SCRIPT;
    "/callcast-subscription.js" "callcast-subscription.js" SCRIPT;
    "/callcast-filter.js" "callcast-filter.js" SCRIPT;
    "/callcast-awake.js" "callcast-awake.js" SCRIPT;
    "/callcast-sse.js" "callcast-sse.js" SCRIPT;
    "/callcast.d.ts" "callcast.d.ts" "text/plain; charset=utf-8";
    "/theme.js" "theme.js" SCRIPT;
    "/session.js" "session.js" SCRIPT;
    "/status.js" "status.js" SCRIPT;
    "/devices.js" "devices.js" SCRIPT;
    "/wall.js" "wall.js" SCRIPT;
    "/my-calls.js" "my-calls.js" SCRIPT;
    "/pop.js" "pop.js" SCRIPT;
    "/today.js" "today.js" SCRIPT;
    "/story.js" "story.js" SCRIPT;
    "/notify.js" "notify.js" SCRIPT;
    "/once.js" "once.js" SCRIPT;
    "/template.js" "template.js" SCRIPT;
    "/words.js" "words.js" SCRIPT;
    "/keys.js" "keys.js" SCRIPT;
    "/dom.js" "dom.js" SCRIPT;
    "/health.js" "health.js" SCRIPT;
}

/// The client library, which pages of other origins may import.
const LIBRARY: &str = "/callcast";

/// The file at a path, or that the browser has it already.
pub fn file(path: &str, request: &HeaderMap) -> Option<Response<Body>> {
    let file = FILES.iter().find(|file| file.path == path)?;
    let mut response = respond::unchanging(request, file.content_type, file.text);
    if path.starts_with(LIBRARY) {
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        headers.insert("cross-origin-resource-policy", HeaderValue::from_static("cross-origin"));
    }
    Some(response)
}
