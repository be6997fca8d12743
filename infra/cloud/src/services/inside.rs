//! The way to the services from within this process.
//!
//! The functions that run in this process ask the services a dozen things for each
//! request. Over TCP, each of them is four system calls, two parsers of HTTP and the
//! wake-ups in between, which AWS's clients and services would not spend on the same
//! machine either. So their clients hand the finished, signed request over here. It
//! meets the same function that the port's requests meet: signature, policies,
//! misbehaviour and meter are the same.

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::ErrorKind;
use axum::body::Body;
use axum::http::header::HOST;
use axum::http::{HeaderValue, Request, Response, Uri};

use super::Parts;

/// An HTTP client for AWS's clients whose requests do not leave the process.
pub(super) fn client(parts: Parts) -> SharedHttpClient {
    let connector = SharedHttpConnector::new(Inside(parts));
    // There is nothing to connect to, so nothing to set. A request that takes too
    // long is dropped by its client.
    http_client_fn(move |_, _| connector.clone())
}

#[derive(Clone)]
struct Inside(Parts);

impl std::fmt::Debug for Inside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Inside")
    }
}

impl HttpConnector for Inside {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let parts = self.0.clone();
        HttpConnectorFuture::new(async move {
            let request = arriving(request)?;
            // Over TCP, others would go on while this one waits. If nobody ever waited,
            // a function would run undisturbed from its begin to its end: no race would
            // meet it midway, and no chaos would kill it there.
            tokio::task::yield_now().await;
            let (head, body) = super::answer(&parts, request).await.into_parts();
            // An answer that breaks off, by chaos, is one that never came.
            let body = axum::body::to_bytes(body, usize::MAX)
                .await
                .map_err(|error| ConnectorError::other(error.into(), Some(ErrorKind::TransientError)))?;
            let answer = Response::from_parts(head, SdkBody::from(body));
            HttpResponse::try_from(answer).map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// The request as it would arrive at the port: a path, and a header that names the host.
fn arriving(request: HttpRequest) -> Result<Request<Body>, ConnectorError> {
    let mut request =
        request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?.map(Body::new);
    let host = request.uri().authority().map(|host| HeaderValue::from_str(host.as_str()));
    if let Some(Ok(host)) = host {
        request.headers_mut().entry(HOST).or_insert(host);
    }
    if let Some(path) = request.uri().path_and_query().cloned() {
        *request.uri_mut() = Uri::from(path);
    }
    Ok(request)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use aws_sdk_dynamodb::Client;
    use aws_sdk_dynamodb::error::ProvideErrorMetadata;
    use aws_sdk_dynamodb::operation::put_item::{PutItemError, PutItemOutput};
    use aws_sdk_dynamodb::types::AttributeValue::S;
    use aws_sdk_s3::presigning::PresigningConfig;
    use futures::future::join;

    use super::*;
    use crate::services::testing::{Local, TABLE, browser};
    use crate::services::{Denied, Usage};

    async fn put(db: &Client, key: &str) -> Result<PutItemOutput, PutItemError> {
        let put = db.put_item().table_name(TABLE).item("PK", S(key.to_owned())).item("SK", S(key.to_owned()));
        put.send().await.map_err(aws_sdk_dynamodb::error::SdkError::into_service_error)
    }

    async fn is_there(db: &Client, key: &str) -> bool {
        let get = db.get_item().table_name(TABLE).key("PK", S(key.to_owned())).key("SK", S(key.to_owned()));
        get.send().await.expect("an answer").item.is_some()
    }

    /// A client of the port and one of this process, with the key that each puts.
    fn both(local: &Local) -> [(&'static str, Client); 2] {
        [("port", local.dynamodb()), ("inside", Client::new(&local.boot_inside().aws.config()))]
    }

    /// The status and the text of the answer to the same request on both ways.
    async fn answers(local: &Local, request: Request<String>) -> [(u16, String); 2] {
        let over_port = browser().execute(request.clone().try_into().expect("a request")).await;
        let over_port = over_port.expect("an answer");
        let status = over_port.status().as_u16();
        let port = (status, over_port.text().await.expect("text"));

        let request = HttpRequest::try_from(request.map(SdkBody::from)).expect("a request");
        let answer = Inside(local.services.parts.clone()).call(request).await.expect("an answer");
        let text = std::str::from_utf8(answer.body().bytes().expect("a whole body")).expect("text");
        [port, (answer.status().as_u16(), text.to_owned())]
    }

    #[tokio::test]
    async fn what_a_role_does_not_allow_is_refused_on_both_ways() {
        let local = Local::start().await;
        local.services.set_guard(Box::new(|call| match (call.caller, call.service, call.operation) {
            ("tests", "dynamodb", "PutItem") => Err(Denied { message: "no puts".to_owned() }),
            _ => Ok(()),
        }));
        for (way, db) in both(&local) {
            let refused = put(&db, way).await.expect_err("the guard refuses it");
            assert_eq!((refused.code(), refused.message()), (Some("AccessDeniedException"), Some("no puts")));
            assert!(!is_there(&db, way).await, "{way}");
        }
    }

    #[tokio::test]
    async fn what_is_not_signed_is_refused_on_both_ways() {
        let local = Local::start().await;
        let unsigned = Request::post(local.services.endpoint())
            .header("x-amz-target", "DynamoDB_20120810.ListTables")
            .body("{}".to_owned())
            .expect("a request");
        let [port, inside] = answers(&local, unsigned).await;
        assert_eq!(port.0, 403);
        assert!(port.1.contains("MissingAuthenticationToken"), "{}", port.1);
        assert_eq!(port, inside);
    }

    #[tokio::test]
    async fn signatures_are_verified_on_both_ways() {
        let local = Local::start().await;
        let for_a_minute = PresigningConfig::expires_in(Duration::from_secs(60)).expect("a minute");
        let put = local.s3().put_object().bucket("images").key("a").presigned(for_a_minute).await;
        let url = put.expect("signed").uri().to_owned();
        for (url, status) in [(url.clone(), 200), (url.replace("/images/a", "/images/b"), 403)] {
            let request = Request::put(url).body("an image".to_owned()).expect("a request");
            let [port, inside] = answers(&local, request).await;
            assert_eq!((port.0, inside.0), (status, status), "{port:?} {inside:?}");
        }
    }

    #[tokio::test]
    async fn chaos_and_meter_know_no_difference() {
        let local = Local::start().await;
        let mut usages = Vec::new();
        for (way, db) in both(&local) {
            let before = local.services.meter().snapshot();
            // Whichever way an answer is lost, the client tries again, and in vain.
            local.services.chaos().change(|rates| rates.lost_answer = 1.0);
            put(&db, way).await.expect_err("no answer comes");
            local.services.chaos().change(|rates| rates.lost_answer = 0.0);
            assert!(is_there(&db, way).await, "{way}: it was written nevertheless");
            let reading = local.services.meter().snapshot().since(&before);
            assert_eq!(reading.callers["tests"], reading.total(), "{way}");
            usages.push((reading.operation("PutItem"), reading.operation("GetItem")));
        }
        assert_eq!(usages[0], usages[1]);
        assert!(matches!(usages[0].0, Usage { calls: 4, faults: 4, .. }), "{:?}", usages[0].0);
    }

    #[tokio::test]
    async fn others_go_on_while_one_waits_for_an_answer() {
        let local = Local::start().await;
        let db = Client::new(&local.boot_inside().aws.config());
        let order = std::cell::RefCell::new(String::new());
        let work = async |name| {
            for _ in 0..3 {
                is_there(&db, "nothing").await;
                order.borrow_mut().push(name);
            }
        };
        join(work('a'), work('b')).await;
        assert_eq!(order.into_inner(), "ababab");
    }
}
