//! Where a request goes: method, URL and headers, each as it stands or a template.

use std::collections::BTreeSet;
use std::sync::Arc;

use hyper::Method;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

use super::error::{PlanError, PlanFault};
use super::template::{Context, Template};
use crate::sinks::webhook::{Config, Destination, Secret};

/// The methods that may be used.
const METHODS: [Method; 5] = [Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::GET];

/// Headers that say how a message is framed, or that a connection has for itself.
const OF_THE_CONNECTION: [&str; 13] = [
    "host",
    "content-length",
    "content-encoding",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authorization",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "http2-settings",
];

/// What is fixed, or made of each event.
enum Made<T> {
    Fixed(T),
    Of(Box<Template>),
}

/// Where a request goes. It is a secret, and has no `Debug`.
pub struct Target {
    method: Made<Method>,
    url: Made<Arc<Destination>>,
    /// The URL without what comes after its authority.
    origin: Option<Url>,
    /// Those that are fixed.
    headers: HeaderMap,
    made: Vec<(HeaderName, Box<Template>)>,
}

impl Target {
    /// What the configuration says, if nothing is wrong with it; what is wrong is added to `problems`.
    pub fn new(config: &Config, problems: &mut Vec<PlanError>) -> Option<Self> {
        let method = note(method(&config.method), problems);
        let url = note(read("url", &config.url).and_then(|text| url(text.trim())), problems);
        let (mut headers, mut made) = (HeaderMap::new(), Vec::new());
        let mut names = BTreeSet::new();
        for (name, value) in &config.headers {
            if !names.insert(name.to_ascii_lowercase()) {
                let problem = "is there twice, for capitals are as good as small letters: leave one of them out";
                problems.push(PlanError::Header { name: excerpt(name), problem });
            }
            match note(header(config, name, value), problems) {
                Some((name, Made::Fixed(value))) => drop(headers.insert(name, value)),
                Some((name, Made::Of(template))) => made.push((name, template)),
                None => {}
            }
        }
        let (url, origin) = url?;
        Some(Self { method: method?, url, origin, headers, made })
    }

    /// Whether any of it depends on the event.
    pub fn is_templated(&self) -> bool {
        matches!(self.method, Made::Of(_)) || matches!(self.url, Made::Of(_)) || !self.made.is_empty()
    }

    /// The configured headers that are the same for every event.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Method and URL for an event, whose headers are added to `headers`; `context` is only needed when [`Self::is_templated`].
    ///
    /// # Errors
    /// When a template fails, or makes something that cannot be used.
    pub fn of(&self, context: Option<&Context>, headers: &mut HeaderMap) -> Result<(Method, Arc<Destination>), PlanFault> {
        let render = |template: &Template| context.map_or_else(|| Ok(String::new()), |context| template.render(context));
        let method = match &self.method {
            Made::Fixed(method) => method.clone(),
            Made::Of(template) => {
                let word = render(template)?;
                known(word.trim()).ok_or_else(|| unusable(template, "it made no method: make it POST, PUT, PATCH, DELETE or GET"))?
            }
        };
        let url = match &self.url {
            Made::Fixed(url) => Arc::clone(url),
            Made::Of(template) => self.url_of(template, render(template)?.trim())?,
        };
        for (name, template) in &self.made {
            let value = one_line(&render(template)?);
            if value.is_empty() {
                continue;
            }
            let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| unusable(template, "it made no value for a header"))?;
            headers.insert(name.clone(), sensitive(value));
        }
        Ok((method, url))
    }

    /// Values are encoded where they stand; two points alone are the one thing that still could change the path.
    fn url_of(&self, template: &Template, made: &str) -> Result<Arc<Destination>, PlanFault> {
        let url = Url::parse(made).map_err(|_| unusable(template, "it made no URL"))?;
        let same = |origin: &Url| {
            (origin.scheme(), origin.host(), origin.port_or_known_default(), "", None)
                == (url.scheme(), url.host(), url.port_or_known_default(), url.username(), url.password())
        };
        if !self.origin.as_ref().is_some_and(same) {
            return Err(unusable(template, "it made a URL of another host"));
        }
        let path = made.split(['?', '#']).next().unwrap_or_default();
        if path.split('/').any(|segment| matches!(segment.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..")) {
            return Err(unusable(template, "it made a URL with . or .. as a part of its path"));
        }
        Destination::new(url).map(Arc::new).ok_or_else(|| unusable(template, "it made a URL that cannot be sent"))
    }
}

fn made<T>(template: Template) -> Made<T> {
    Made::Of(Box::new(template))
}

fn note<T>(result: Result<T, PlanError>, problems: &mut Vec<PlanError>) -> Option<T> {
    result.map_err(|problem| problems.push(problem)).ok()
}

fn unusable(template: &Template, problem: &'static str) -> PlanFault {
    PlanFault::Made { name: template.name().into(), problem }
}

fn read(place: &str, secret: &Secret) -> Result<String, PlanError> {
    secret.read().map_err(|source| PlanError::Secret { place: place.into(), source })
}

fn known(word: &str) -> Option<Method> {
    METHODS.into_iter().find(|method| method.as_str() == word)
}

fn method(text: &str) -> Result<Made<Method>, PlanError> {
    if text.is_empty() {
        return Ok(Made::Fixed(Method::POST));
    }
    if Template::is_one(text) {
        return Template::text("method", text).map(made);
    }
    known(text).map(Made::Fixed).ok_or_else(|| PlanError::Method(text.chars().take(40).collect()))
}

/// The URL or its template, and what of it is fixed in any case.
fn url(text: &str) -> Result<(Made<Arc<Destination>>, Option<Url>), PlanError> {
    let parse = |text: &str| {
        let mut url = Url::parse(text).map_err(|_| PlanError::Url("this is no URL: give one as https://crm.example.com/hooks/calls"))?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(PlanError::Url("events are sent by http or https: give one as https://crm.example.com/hooks/calls"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(PlanError::Url("it has a user or password in it: give them as auth.basic"));
        }
        url.set_fragment(None);
        Ok(url)
    };
    if !Template::is_one(text) {
        let destination = Destination::new(parse(text)?);
        let destination = destination.ok_or(PlanError::Url("it has signs in it that cannot be sent: write them as % and two digits"))?;
        return Ok((Made::Fixed(Arc::new(destination)), None));
    }
    const LITERAL: PlanError =
        PlanError::Url("a template may only make what comes after the host: begin it as https://crm.example.com/ and then the template");
    let fixed = ["{{", "{%", "{#"].iter().filter_map(|mark| text.find(mark)).min().and_then(|end| text.get(..end)).unwrap_or(text);
    let (scheme, rest) = fixed.split_once("://").ok_or(LITERAL)?;
    let end = rest.find(['/', '?', '#', '\\']).ok_or(LITERAL)?;
    let authority = rest.get(..end).unwrap_or_default();
    let origin = parse(&format!("{scheme}://{authority}/"))?;
    Ok((made(Template::url("url", text)?), Some(origin)))
}

fn header(config: &Config, name: &str, value: &Secret) -> Result<(HeaderName, Made<HeaderValue>), PlanError> {
    let refused = |problem| PlanError::Header { name: excerpt(name), problem };
    let lower = name.to_ascii_lowercase();
    let authenticated = config.auth.basic.is_some() || config.auth.bearer.is_set() || config.auth.oauth2.is_some();
    if OF_THE_CONNECTION.contains(&lower.as_str()) {
        return Err(refused("belongs to the connection: leave it out"));
    }
    if lower.starts_with("webhook-") || lower.starts_with("ce-") {
        return Err(refused("is written by callcast itself: leave it out"));
    }
    if lower == "content-type" {
        return Err(refused("follows from the body: leave it out, or give body.content_type"));
    }
    if lower == "authorization" && authenticated {
        return Err(refused("is what auth makes: leave one of them out"));
    }
    let parsed = HeaderName::from_bytes(lower.as_bytes()).map_err(|_| refused("is no name of a header"))?;
    let place = format!("headers.{name}");
    let text = read(&place, value)?;
    if Template::is_one(&text) {
        return Ok((parsed, made(Template::text(&place, &text)?)));
    }
    let value = HeaderValue::from_bytes(text.trim().as_bytes())
        .map_err(|_| refused("has a value with control characters: it has to be one line"))?;
    Ok((parsed, Made::Fixed(sensitive(value))))
}

/// As much of a name as is repeated to whoever gave it.
fn excerpt(name: &str) -> String {
    name.chars().take(80).collect()
}

/// A header's value may be a secret: HTTP/2 then keeps it out of its tables, and `Debug` does not show it.
fn sensitive(mut value: HeaderValue) -> HeaderValue {
    value.set_sensitive(true);
    value
}

/// A header is one line, whatever is in a name.
fn one_line(text: &str) -> String {
    let line: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    line.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sinks::webhook::config::AuthConfig;

    fn target(config: &Config) -> Result<Target, String> {
        let mut problems = Vec::new();
        let target = Target::new(config, &mut problems);
        problems.first().map_or_else(|| Ok(target.unwrap()), |problem| Err(problem.to_string()))
    }

    fn at(url: &str) -> Config {
        Config { url: url.into(), ..Config::default() }
    }

    fn with_header(name: &str, value: &str) -> Config {
        Config { headers: [(name.to_owned(), Secret::from(value))].into(), ..at("https://h/") }
    }

    fn of(config: &Config, remote: &str) -> Result<(Method, Url, HeaderMap), PlanFault> {
        let event = format!(r#"{{"id":"1-2","data":{{"remote":{{"number":{}}}}}}}"#, serde_json::Value::from(remote));
        let target = target(config).unwrap();
        let mut headers = target.headers().clone();
        let (method, to) = target.of(Some(&Context::new(event.as_bytes()).unwrap()), &mut headers)?;
        Ok((method, to.url().clone(), headers))
    }

    #[test]
    fn a_fixed_url_goes_out_as_it_is_by_post() {
        let (method, url, headers) = of(&at("https://crm.example.com/hooks?token=a%2Fb#x"), "1").unwrap();
        assert_eq!((method, url.as_str(), headers.len()), (Method::POST, "https://crm.example.com/hooks?token=a%2Fb", 0));
    }

    #[test]
    fn what_is_no_url_is_refused_and_not_shown() {
        for url in ["crm.example.com/secret", "ftp://crm.example.com/secret", "https://ann:secret@crm.example.com/", "https://", "/secret"]
        {
            let refused = target(&at(url)).err().unwrap();
            assert!(refused.starts_with("url: ") && !refused.contains("secret"), "{refused}");
        }
        assert!(target(&Config::default()).err().unwrap().contains("url: it is empty"));
    }

    #[test]
    fn a_template_may_only_make_what_comes_after_the_host() {
        for url in [
            "{{ data.remote.number }}",
            "https://{{ id }}/",
            "https://h{{ id }}/",
            "https://h:{{ id }}/",
            "https://{# #}h/{{ id }}",
            "https://a@h/{{ id }}",
        ] {
            assert!(target(&at(url)).is_err(), "{url}");
        }
        assert_eq!(of(&at("https://h:8443/calls/{{ data.remote.number }}"), "100").unwrap().1.as_str(), "https://h:8443/calls/100");
    }

    #[test]
    fn an_event_changes_neither_the_host_nor_the_way() {
        for (number, encoded) in
            [("a/b", "a%2Fb"), ("?x#y", "%3Fx%23y"), ("\\\\evil\t\n", "%5C%5Cevil%09%0A"), ("%2e%2e", "%252e%252e"), ("@evil", "%40evil")]
        {
            assert_eq!(
                of(&at("https://h/calls/{{ data.remote.number }}/x"), number).unwrap().1.as_str(),
                format!("https://h/calls/{encoded}/x")
            );
        }
        for number in [".", ".."] {
            let fault = of(&at("https://h/calls/{{ data.remote.number }}/x"), number).unwrap_err();
            assert!(fault.to_string().contains(".."), "{fault}");
        }
        assert!(of(&at("https://h/?q={{ data.remote.number }}"), "..").is_ok());
    }

    #[test]
    fn a_method_is_one_of_five() {
        let with = |method: &str| Config { method: method.into(), ..at("https://h/") };
        assert_eq!(of(&with("PUT"), "1").unwrap().0, Method::PUT);
        assert_eq!(of(&with("{{ 'DELETE' if id else 'PUT' }}"), "1").unwrap().0, Method::DELETE);
        assert!(target(&with("CONNECT")).err().unwrap().contains("method = \"CONNECT\""));
        assert!(of(&with("{{ id }}"), "1").unwrap_err().to_string().contains("template method: it made no method"));
    }

    #[test]
    fn headers_that_break_framing_or_are_ours_are_refused() {
        for name in ["Host", "content-length", "Transfer-Encoding", "Connection", "Webhook-Id", "ce-id", "Content-Type", "a b", ""] {
            assert!(target(&with_header(name, "x")).is_err(), "{name}");
        }
        assert!(target(&with_header("x-a", "one\r\ntwo")).err().unwrap().contains("one line"));
        let config = Config { auth: AuthConfig { bearer: "x".into(), ..AuthConfig::default() }, ..with_header("Authorization", "y") };
        assert!(target(&config).err().unwrap().contains("auth"));
    }

    #[test]
    fn a_header_is_not_given_twice() {
        let headers = [("X-A".to_owned(), Secret::from("1")), ("x-a".to_owned(), Secret::from("{{ id }}"))].into();
        let refused = target(&Config { headers, ..at("https://h/") }).err().unwrap();
        assert!(refused.starts_with("headers: \"x-a\" is there twice"), "{refused}");
    }

    #[test]
    fn a_header_of_an_event_is_one_line_and_left_out_when_it_is_empty() {
        let config = with_header("X-Caller", "<{{ data.remote.number }}>");
        assert_eq!(of(&config, "1\r\nhost: evil").unwrap().2["x-caller"], "<1  host: evil>");
        assert!(of(&with_header("X-Caller", " {{ data.remote.number }}"), "").unwrap().2.is_empty());
    }

    #[test]
    fn nothing_of_it_shows_in_debug() {
        let target = target(&with_header("x-key", "hunter2")).unwrap();
        assert!(!format!("{:?}", target.headers()).contains("hunter2"));
    }
}
