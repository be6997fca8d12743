//! HTTP requests as API Gateway hands them to Lambda, and answers as it takes
//! them back: payload format 2.0 of HTTP APIs.
//!
//! If the documentation is silent, this follows what others observed on AWS:
//! `rawPath` arrives percent-decoded, `rawQueryString` as it was sent, and a body
//! is text only for a few content types.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use boot::BootError;
use domain::{Error, Timestamp};
use http::header::{self, HeaderMap, HeaderName};
use http::{HeaderValue, Method, Response, StatusCode};
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use lambda_http::aws_lambda_events::encodings::Body;
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use crate::services::ACCOUNT;
use crate::template::Route;

/// Headers that belong to the connection, not to the request.
const HOP_BY_HOP: [&str; 8] = [
    "connection",
    "expect",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// A request as it came in, with what the front knows about it.
pub(super) struct Arrival<'a> {
    pub(super) parts: &'a http::request::Parts,
    pub(super) body: &'a [u8],
    pub(super) route: &'a Route,
    /// The values of the route's parameters, decoded.
    pub(super) parameters: Map<String, Json>,
    pub(super) source: IpAddr,
    pub(super) request_id: &'a str,
    pub(super) now: Timestamp,
}

/// The event that API Gateway would send.
///
/// # Errors
/// If the path or the host is one that API Gateway would not take.
pub(super) fn request_event(arrival: Arrival<'_>) -> Result<Json, Error> {
    let Arrival { parts, body, route, parameters, source, request_id, now } = arrival;
    let path = decode(parts.uri.path(), false)
        .ok_or_else(|| Error::invalid("path_invalid", "The path is not valid percent-encoded UTF-8."))?;
    let host = host(&parts.headers)?;
    let (name, port) = host.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')).unwrap_or((host, "80"));
    let query = parts.uri.query().unwrap_or("");
    let route_key = format!("{} {}", route.method, route.path);
    let (headers, cookies) = headers(&parts.headers, host, port, source);
    let mut event = json!({
        "version": "2.0",
        "routeKey": route_key,
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": "local",
            "domainName": name,
            "domainPrefix": name.split('.').next(),
            "http": {
                "method": parts.method.as_str(),
                "path": path,
                "protocol": format!("{:?}", parts.version),
                "sourceIp": source.to_string(),
                "userAgent": parts.headers.get(header::USER_AGENT).map(text),
            },
            "requestId": request_id,
            "routeKey": route_key,
            "stage": "$default",
            "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string(),
            "timeEpoch": now.as_millisecond(),
        },
        "isBase64Encoded": false,
    });
    if !cookies.is_empty() {
        event["cookies"] = cookies.into();
    }
    if !query.is_empty() {
        event["queryStringParameters"] = query_parameters(query).into();
    }
    if !parameters.is_empty() {
        event["pathParameters"] = parameters.into();
    }
    if !body.is_empty() {
        match std::str::from_utf8(body) {
            Ok(text) if is_text(&parts.headers) => event["body"] = text.into(),
            _ => {
                event["body"] = BASE64.encode(body).into();
                event["isBase64Encoded"] = true.into();
            }
        }
    }
    Ok(event)
}

/// The answer of a function as the caller gets it. Of its length the server knows best,
/// but for a HEAD, whose answer has the length of a body that is not there.
///
/// # Errors
/// If it is none that API Gateway could pass on.
pub(super) fn response(answer: Json, method: &Method) -> Result<Response<axum::body::Body>, BootError> {
    let answer = ApiGatewayV2httpResponse::deserialize(answer)?;
    let body = match answer.body {
        Some(Body::Text(text)) if answer.is_base64_encoded => BASE64.decode(text)?,
        Some(Body::Text(text)) => text.into_bytes(),
        Some(Body::Binary(bytes)) => bytes,
        _ => Vec::new(),
    };
    let mut response = Response::new(axum::body::Body::from(body));
    *response.status_mut() = StatusCode::from_u16(u16::try_from(answer.status_code)?)?;
    *response.headers_mut() = answer.headers;
    for name in HOP_BY_HOP {
        response.headers_mut().remove(name);
    }
    if method != Method::HEAD {
        response.headers_mut().remove(header::CONTENT_LENGTH);
    }
    for cookie in answer.cookies {
        response.headers_mut().append(header::SET_COOKIE, HeaderValue::try_from(cookie)?);
    }
    Ok(response)
}

fn host(headers: &HeaderMap) -> Result<&str, Error> {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
    if host.is_empty() || !host.chars().all(plain) {
        return Err(Error::invalid("host_invalid", "The Host header must name a host and possibly a port."));
    }
    Ok(host)
}

/// Lower-case names, repeated values joined, cookies apart.
fn headers(headers: &HeaderMap, host: &str, port: &str, source: IpAddr) -> (Map<String, Json>, Vec<Json>) {
    let joined = |name: &HeaderName| headers.get_all(name).iter().map(text).collect::<Vec<_>>().join(",");
    let mut map: Map<String, Json> = headers
        .keys()
        .filter(|name| **name != header::COOKIE && !HOP_BY_HOP.contains(&name.as_str()))
        .map(|name| (name.as_str().to_owned(), joined(name).into()))
        .collect();
    let forwarded = match map.get("x-forwarded-for").and_then(Json::as_str) {
        Some(earlier) => format!("{earlier}, {source}"),
        None => source.to_string(),
    };
    for (name, value) in [
        ("host", host),
        ("x-forwarded-for", &forwarded),
        ("x-forwarded-port", port),
        ("x-forwarded-proto", "http"),
    ] {
        map.insert(name.to_owned(), value.into());
    }
    let cookies = headers.get_all(header::COOKIE).iter().map(text);
    let cookies =
        cookies.flat_map(|line| line.split(';').map(|cookie| cookie.trim().into()).collect::<Vec<Json>>());
    (map, cookies.collect())
}

fn text(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}

/// Whether API Gateway hands the body over as text. All other types, forms and
/// `+json` included, arrive as base64.
fn is_text(headers: &HeaderMap) -> bool {
    let content_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence.starts_with("text/")
        || matches!(essence.as_str(), "application/json" | "application/xml" | "application/javascript")
}

/// Decoded, with the values of repeated names joined by commas.
fn query_parameters(query: &str) -> Map<String, Json> {
    let mut map: Map<String, Json> = Map::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let [name, value] = [name, value].map(|part| decode(part, true).unwrap_or_else(|| part.to_owned()));
        let joined = match map.get(&name).and_then(Json::as_str) {
            Some(earlier) => format!("{earlier},{value}"),
            None => value,
        };
        map.insert(name, joined.into());
    }
    map
}

/// Undoes percent-encoding; `None` if the result is no UTF-8.
fn decode(text: &str, plus_is_space: bool) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = match tail {
            [high, low, ..] if *first == b'%' => {
                hex_digit(*high).zip(hex_digit(*low)).map(|(h, l)| h << 4 | l)
            }
            _ => None,
        };
        rest = if escaped.is_some() { &tail[2..] } else { tail };
        bytes.push(escaped.unwrap_or(if plus_is_space && *first == b'+' { b' ' } else { *first }));
    }
    String::from_utf8(bytes).ok()
}

fn hex_digit(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use http::Request;

    use super::*;

    fn event(request: http::request::Builder, body: &[u8]) -> Result<Json, Error> {
        let (parts, ()) = request.body(()).expect("a request").into_parts();
        request_event(Arrival {
            parts: &parts,
            body,
            route: &Route { path: "/shows/{slug}".to_owned(), method: parts.method.to_string() },
            parameters: Map::from_iter([("slug".to_owned(), "los faroles".into())]),
            source: IpAddr::V4(Ipv4Addr::LOCALHOST),
            request_id: "req_1",
            now: domain::testing::at(0),
        })
    }

    #[test]
    fn the_event_is_that_of_payload_format_2_0() {
        let request = Request::post("/shows/los%20faroles?q=a%20b&q=c+d&empty")
            .header("Host", "127.0.0.1:8000")
            .header("Content-Type", "application/json; charset=utf-8")
            .header("X-Forwarded-For", "203.0.113.9")
            .header("Accept", "text/html")
            .header("Accept", "*/*")
            .header("Cookie", "a=1; b=2")
            .header("Connection", "close");
        insta::assert_json_snapshot!(event(request, "{\"señal\":1}".as_bytes()).expect("valid"), @r#"
        {
          "version": "2.0",
          "routeKey": "POST /shows/{slug}",
          "rawPath": "/shows/los faroles",
          "rawQueryString": "q=a%20b&q=c+d&empty",
          "headers": {
            "host": "127.0.0.1:8000",
            "content-type": "application/json; charset=utf-8",
            "x-forwarded-for": "203.0.113.9, 127.0.0.1",
            "accept": "text/html,*/*",
            "x-forwarded-port": "8000",
            "x-forwarded-proto": "http"
          },
          "requestContext": {
            "accountId": "000000000000",
            "apiId": "local",
            "domainName": "127.0.0.1",
            "domainPrefix": "127",
            "http": {
              "method": "POST",
              "path": "/shows/los faroles",
              "protocol": "HTTP/1.1",
              "sourceIp": "127.0.0.1",
              "userAgent": null
            },
            "requestId": "req_1",
            "routeKey": "POST /shows/{slug}",
            "stage": "$default",
            "time": "18/Nov/2026:11:06:40 +0000",
            "timeEpoch": 1795000000000
          },
          "isBase64Encoded": false,
          "cookies": [
            "a=1",
            "b=2"
          ],
          "queryStringParameters": {
            "q": "a b,c d",
            "empty": ""
          },
          "pathParameters": {
            "slug": "los faroles"
          },
          "body": "{\"señal\":1}"
        }
        "#);
    }

    #[test]
    fn bodies_are_text_only_for_the_types_that_aws_takes_for_text() {
        for (content_type, body, text) in [
            ("application/json", &b"{}"[..], true),
            ("text/csv", b"a", true),
            ("application/problem+json", b"{}", false),
            ("application/x-www-form-urlencoded", b"a=1", false),
            ("image/png", b"\x89PNG", false),
            ("application/json", b"\xff", false),
        ] {
            let event = event(Request::post("/").header("Content-Type", content_type), body).expect("valid");
            assert_eq!(event["isBase64Encoded"], !text, "{content_type}");
            let sent = event["body"].as_str().expect("text");
            let sent = if text { sent.as_bytes().to_vec() } else { BASE64.decode(sent).expect("base64") };
            assert_eq!(sent, body);
        }
    }

    #[test]
    fn what_no_gateway_would_pass_on_is_refused() {
        for (request, code) in [
            (Request::get("/%ff"), "path_invalid"),
            (Request::get("/").header("Host", "a b"), "host_invalid"),
            (Request::get("/").header("Host", ""), "host_invalid"),
        ] {
            assert_eq!(event(request, b"").expect_err("refused").code(), code);
        }
    }

    #[test]
    fn a_lone_percent_sign_stays() {
        assert_eq!(decode("100%25+%+1%", true).as_deref(), Some("100% % 1%"));
        assert_eq!(decode("%zz+", false).as_deref(), Some("%zz+"));
    }

    #[test]
    fn answers_come_back_whole() {
        let answer = json!({
            "statusCode": 201,
            "headers": {"content-type": "image/png", "content-length": "999", "connection": "close"},
            "multiValueHeaders": {},
            "cookies": ["a=1", "b=2"],
            "body": BASE64.encode(b"\x89PNG"),
            "isBase64Encoded": true,
        });
        let response = response(answer, &Method::GET).expect("valid");
        assert_eq!(response.status(), StatusCode::CREATED);
        assert_eq!(response.headers().get_all("set-cookie").iter().count(), 2);
        assert_eq!(response.headers().len(), 3);
    }
}
