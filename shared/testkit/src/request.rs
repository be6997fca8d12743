use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::Value;

use crate::openapi_check::{Exchange, SentRequest};

/// A request to the box office or a gateway, which a test builds and sends.
pub struct Request {
    method: Method,
    path: String,
    builder: reqwest::RequestBuilder,
}

impl Request {
    pub(crate) fn new(http: &reqwest::Client, method: Method, url: &str, path: &str) -> Self {
        let builder = http.request(method.clone(), format!("{url}{path}"));
        Self { method, path: path.to_owned(), builder }
    }

    /// With this access token, as its user.
    #[must_use]
    pub fn token(mut self, token: impl AsRef<str>) -> Self {
        self.builder = self.builder.bearer_auth(token.as_ref());
        self
    }

    /// With this link, which opens one order.
    #[must_use]
    pub fn link(self, link: impl AsRef<str>) -> Self {
        self.header("x-order-access", link)
    }

    /// With this JSON body.
    #[must_use]
    pub fn json(mut self, body: Value) -> Self {
        self.builder = self.builder.json(&body);
        self
    }

    /// With these fields of a form.
    #[must_use]
    pub fn form<'a>(self, fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.body("application/x-www-form-urlencoded", form)
    }

    /// With these bytes as the body, of this content type.
    #[must_use]
    pub fn body(mut self, content_type: &str, body: impl Into<reqwest::Body>) -> Self {
        self.builder = self.builder.header("content-type", content_type).body(body);
        self
    }

    /// With these bytes as the body, without a content type.
    #[must_use]
    pub fn raw(mut self, body: impl Into<reqwest::Body>) -> Self {
        self.builder = self.builder.body(body);
        self
    }

    /// With this header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<str>) -> Self {
        self.builder = self.builder.header(name, value.as_ref());
        self
    }

    /// With this idempotency key.
    #[must_use]
    pub fn idempotent(self, key: &str) -> Self {
        self.header("idempotency-key", key)
    }

    /// Sends the request. Panics if there is no answer.
    pub async fn send(self) -> Answer {
        self.try_send().await.expect("the box office answers")
    }

    /// Sends the request. Panics if the exchange contradicts the API's description.
    ///
    /// # Errors
    /// If there is no complete answer.
    pub async fn try_send(self) -> Result<Answer, String> {
        let name = format!("{} {}", self.method, self.path);
        let (http, request) = self.builder.build_split();
        let request = request.map_err(|error| format!("{name}: {error}"))?;
        let asked = SentRequest::of(&request);
        let response = http.execute(request).await.map_err(|error| format!("{name}: {error}"))?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await.map_err(|error| format!("{name}: {error}"))?.to_vec();
        let answer = Answer { request: name, status, headers, body };
        let problem = answer.header("content-type") == "application/problem+json";
        let problem = problem.then(|| serde_json::from_slice::<Value>(&answer.body).ok()).flatten();
        let code = problem.as_ref().and_then(|problem| problem["code"].as_str());
        let exchange = Exchange { request: &asked, status, code: code.unwrap_or_default() };
        if let Some(undescribed) = exchange.undescribed() {
            panic!("{undescribed}: {asked:?} {}", answer.text());
        }
        Ok(answer)
    }

    /// Sends the request, whose answer must be a success, and returns its JSON.
    pub async fn ok(self) -> Value {
        self.send().await.ok()
    }

    /// Sends the request, whose answer must have this status and code, and returns the problem.
    pub async fn refused(self, status: u16, code: &str) -> Value {
        self.send().await.refused(status, code)
    }
}

/// An answer of the box office.
#[derive(Debug)]
pub struct Answer {
    request: String,
    /// HTTP status.
    pub status: u16,
    /// HTTP headers.
    pub headers: HeaderMap,
    /// The body as bytes.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; null if there is none.
    pub fn json(&self) -> Value {
        if self.body.is_empty() {
            return Value::Null;
        }
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{}: not JSON ({error}): {}", self.request, self.text()))
    }

    /// A header as text; empty if there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Checks for a success and returns its JSON.
    pub fn ok(self) -> Value {
        assert!((200..300).contains(&self.status), "{}: {} {}", self.request, self.status, self.text());
        self.json()
    }

    /// Checks for a success without a body: status 204.
    pub fn ok_empty(self) {
        assert_eq!(self.status, 204, "{}: {}", self.request, self.text());
    }

    /// Checks for a problem with this status and code, and returns it.
    pub fn refused(self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{}: {}", self.request, self.text());
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.request);
        let problem = self.json();
        assert_eq!(problem["code"], code, "{}: {problem}", self.request);
        problem
    }
}
