//! The rest of the internet, for functions that look at what strangers name: DNS over HTTPS in the JSON
//! of public resolvers, and the pages of other hosts.
//!
//! | Path | What answers |
//! |---|---|
//! | `GET /internet/dns-query?name=…&type=…` | the resolver |
//! | `GET /internet/web/<host>/<path>` | the host's own server |
//! | `PUT /internet/txt/<name>` | whoever runs this: the body becomes the name's only TXT record |

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::to_bytes;
use axum::extract::{Query, Request};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

/// The beginning of its paths.
pub(super) const PREFIX: &str = "/internet/";

/// The longest text of a record, in bytes.
const MOST_BYTES: usize = 255;

/// Kinds of records and their numbers.
const KINDS: [(&str, u16); 3] = [("A", 1), ("TXT", 16), ("AAAA", 28)];

/// A page of a host.
#[derive(Debug, Clone, Default)]
pub struct WebPage {
    /// The status; 200 unless it is set.
    pub status: Option<u16>,
    /// Another address to which it sends.
    pub location: Option<String>,
    /// What it says.
    pub body: String,
}

/// The rest of the internet. Clones share it; it is kept in memory only.
#[derive(Clone, Debug, Default)]
pub struct Internet(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    texts: BTreeMap<String, Vec<String>>,
    addresses: BTreeMap<String, Vec<IpAddr>>,
    /// Pages by `<host>/<path>`.
    pages: BTreeMap<String, WebPage>,
    /// The resolver cannot find anything out.
    deaf: bool,
    /// How often pages were asked for.
    asked: usize,
}

#[derive(Deserialize)]
struct Question {
    name: String,
    r#type: String,
}

impl Internet {
    /// Values of the template's parameters for services at this endpoint.
    pub fn parameters(endpoint: &str) -> [(&'static str, String); 2] {
        [("DnsUrl", format!("{endpoint}{PREFIX}dns-query")), ("SitesUrl", format!("{endpoint}{PREFIX}web/"))]
    }

    /// Adds a TXT record to a name.
    pub fn add_text(&self, name: &str, text: &str) {
        self.lock().texts.entry(name.to_owned()).or_default().push(text.to_owned());
    }

    /// Removes the TXT records of a name.
    pub fn remove_texts(&self, name: &str) {
        self.lock().texts.remove(name);
    }

    /// Has a host at these addresses.
    pub fn set_addresses(&self, host: &str, addresses: impl IntoIterator<Item = IpAddr>) {
        self.lock().addresses.insert(host.to_owned(), addresses.into_iter().collect());
    }

    /// Puts a page at a path of a host, which has to have an address to be asked for it.
    pub fn set_page(&self, host: &str, path: &str, page: WebPage) {
        self.lock().pages.insert(format!("{host}{path}"), page);
    }

    /// Has the resolver find nothing out (SERVFAIL), or answer again.
    pub fn set_deaf(&self, deaf: bool) {
        self.lock().deaf = deaf;
    }

    /// How often pages were asked for so far.
    pub fn pages_asked(&self) -> usize {
        self.lock().asked
    }

    pub(super) async fn answer(&self, request: Request) -> Response {
        let (head, body) = request.into_parts();
        let path = head.uri.path().strip_prefix(PREFIX).unwrap_or_default();
        match (&head.method, path.split_once('/')) {
            (&Method::GET, None) if path == "dns-query" => match Query::try_from_uri(&head.uri) {
                Ok(Query(question)) => axum::Json(self.resolve(&question)).into_response(),
                Err(_) => StatusCode::BAD_REQUEST.into_response(),
            },
            (&Method::GET, Some(("web", page))) => self.page(page),
            (&Method::PUT, Some(("txt", name))) => match to_bytes(body, MOST_BYTES).await {
                Ok(text) => {
                    let text = String::from_utf8_lossy(&text).trim().to_owned();
                    self.lock().texts.insert(name.to_owned(), vec![text]);
                    StatusCode::NO_CONTENT.into_response()
                }
                Err(_) => StatusCode::PAYLOAD_TOO_LARGE.into_response(),
            },
            _ => StatusCode::NOT_FOUND.into_response(),
        }
    }

    fn resolve(&self, question: &Question) -> Value {
        let inner = self.lock();
        if inner.deaf {
            return json!({"Status": 2});
        }
        let name = question.name.to_ascii_lowercase();
        let (texts, addresses) = (inner.texts.get(&name), inner.addresses.get(&name));
        let Some((_, kind)) = KINDS.iter().find(|(kind, _)| *kind == question.r#type) else {
            return json!({"Status": 4});
        };
        if texts.is_none() && addresses.is_none() {
            return json!({"Status": 3});
        }
        let data: Vec<String> = match question.r#type.as_str() {
            "TXT" => texts.into_iter().flatten().map(|text| format!("\"{text}\"")).collect(),
            kind => {
                let addresses = addresses.into_iter().flatten();
                let of_kind = addresses.filter(|address| address.is_ipv4() == (kind == "A"));
                of_kind.map(IpAddr::to_string).collect()
            }
        };
        let answer: Vec<Value> = data
            .into_iter()
            .map(|data| json!({"name": name, "type": kind, "TTL": 60, "data": data}))
            .collect();
        json!({"Status": 0, "Answer": answer})
    }

    fn page(&self, page: &str) -> Response {
        let mut inner = self.lock();
        inner.asked += 1;
        let Some(page) = inner.pages.get(page).cloned() else { return StatusCode::NOT_FOUND.into_response() };
        let status = page.status.and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or_default();
        match page.location {
            Some(location) => (status, [(header::LOCATION, location)], page.body).into_response(),
            None => (status, page.body).into_response(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    async fn ask(internet: &Internet, method: Method, path: &str, body: &str) -> (u16, String) {
        let request = Request::builder().method(method).uri(path).body(Body::from(body.to_owned()));
        let answer = internet.answer(request.expect("a request")).await;
        let status = answer.status().as_u16();
        let body = to_bytes(answer.into_body(), usize::MAX).await.expect("a body");
        (status, String::from_utf8(body.to_vec()).expect("text"))
    }

    async fn look(internet: &Internet, name: &str, kind: &str) -> Value {
        let path = format!("/internet/dns-query?name={name}&type={kind}");
        serde_json::from_str(&ask(internet, Method::GET, &path, "").await.1).expect("JSON")
    }

    #[tokio::test]
    async fn the_resolver_knows_what_it_was_told() {
        let internet = Internet::default();
        assert_eq!(look(&internet, "sala.example", "A").await, json!({"Status": 3}));
        internet
            .set_addresses("sala.example", ["9.9.9.9", "2620:fe::fe"].map(|text| text.parse().expect("one")));
        internet.add_text("_p.sala.example", "one");
        internet.add_text("_p.sala.example", "two");
        assert_eq!(look(&internet, "SALA.example", "A").await["Answer"][0]["data"], "9.9.9.9");
        assert_eq!(look(&internet, "sala.example", "AAAA").await["Answer"][0]["data"], "2620:fe::fe");
        assert_eq!(look(&internet, "sala.example", "TXT").await, json!({"Status": 0, "Answer": []}));
        assert_eq!(look(&internet, "_p.sala.example", "TXT").await["Answer"][1]["data"], "\"two\"");
        let put = ask(&internet, Method::PUT, "/internet/txt/_p.sala.example", " three\n").await;
        assert_eq!(
            (put.0, &look(&internet, "_p.sala.example", "TXT").await["Answer"]),
            (
                204,
                &json!([
                    {"name": "_p.sala.example", "type": 16, "TTL": 60, "data": "\"three\""},
                ])
            )
        );
        internet.set_deaf(true);
        assert_eq!(look(&internet, "sala.example", "A").await, json!({"Status": 2}));
    }

    #[tokio::test]
    async fn hosts_have_pages() {
        let internet = Internet::default();
        let page = WebPage { body: "0f".to_owned(), ..WebPage::default() };
        internet.set_page("sala.example", "/.well-known/x", page);
        let away = WebPage {
            status: Some(302),
            location: Some("http://127.0.0.1/".to_owned()),
            ..WebPage::default()
        };
        internet.set_page("otra.example", "/", away);
        let path = "/internet/web/sala.example/.well-known/x";
        assert_eq!(ask(&internet, Method::GET, path, "").await, (200, "0f".to_owned()));
        assert_eq!(ask(&internet, Method::GET, "/internet/web/otra.example/", "").await.0, 302);
        assert_eq!(ask(&internet, Method::GET, "/internet/web/tercera.example/", "").await.0, 404);
        assert_eq!(ask(&internet, Method::POST, path, "").await.0, 404);
        assert_eq!(internet.pages_asked(), 3);
    }
}
