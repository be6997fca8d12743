use axum::Router;
use axum::extract::RawQuery;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap as Headers, StatusCode};
use tokio::net::TcpListener;

use super::*;

/// A resolver that answers as `answer` says for a query string.
async fn resolver(answer: fn(&str) -> Response) -> Dns {
    let asked = move |RawQuery(query): RawQuery, headers: Headers| async move {
        assert_eq!(headers["accept"], "application/dns-json");
        answer(&query.unwrap_or_default())
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}/dns-query", listener.local_addr().expect("bound"));
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/dns-query", get(asked))).await });
    Dns::at(url.parse().expect("an address"), Timeouts::default())
}

#[test]
fn texts_are_read_bare_and_as_zone_files_have_them() {
    for (data, text) in [
        ("taquilla-site=0f", "taquilla-site=0f"),
        (r#""taquilla-site=0f""#, "taquilla-site=0f"),
        (r#""taquilla-" "site=0f""#, "taquilla-site=0f"),
        (r#" "a\"b\\c\046d\195\177" "#, r#"a"b\c.dñ"#),
        (r#""open"#, "open"),
        (r#""a\"#, "a"),
        (r#""a\999b""#, "ab"),
        ("", ""),
    ] {
        assert_eq!(unquoted(data), text, "{data}");
    }
}

#[tokio::test]
async fn the_records_of_a_name_are_found_behind_its_aliases() {
    // As Cloudflare answers, and as Google does.
    let dns = resolver(|query| match query {
        "name=_taquilla.sala.example&type=TXT" => {
            r#"{"Status":0,"TC":false,"RD":true,"RA":true,"AD":false,"CD":false,
                "Question":[{"name":"_taquilla.sala.example","type":16}],
                "Answer":[{"name":"_taquilla.sala.example","type":5,"TTL":300,"data":"proofs.sala.example."},
                          {"name":"proofs.sala.example","type":16,"TTL":300,"data":"\"taquilla-site=0f\""},
                          {"name":"proofs.sala.example","type":16,"TTL":300,"data":"v=spf1 -all"}]}"#
        }
        "name=sala.example&type=A" => {
            r#"{"Status":0,"Answer":[{"name":"sala.example.","type":1,"TTL":60,"data":"9.9.9.9"}],"Comment":"x"}"#
        }
        "name=sala.example&type=AAAA" => {
            r#"{"Status":0,"Answer":[{"name":"sala.example.","type":28,"TTL":60,"data":"2620:fe::fe"}]}"#
        }
        _ => r#"{"Status":3,"Question":[]}"#,
    }
    .into_response())
    .await;
    assert_eq!(
        dns.texts("_taquilla.sala.example").await.expect("texts"),
        ["taquilla-site=0f", "v=spf1 -all"]
    );
    let addresses: [IpAddr; 2] = ["9.9.9.9", "2620:fe::fe"].map(|text| text.parse().expect("an address"));
    assert_eq!(dns.addresses("sala.example").await.expect("addresses"), addresses);
    assert_eq!(dns.texts("otra.example").await.expect("no such name"), [""; 0]);
    assert!(dns.addresses("otra.example").await.expect("no such host").is_empty());
}

#[tokio::test]
async fn a_resolver_that_does_not_know_says_no_no() {
    let failed = resolver(|_| r#"{"Status":2}"#.into_response()).await.texts("sala.example").await;
    assert!(matches!(failed, Err(DnsError::Failed(2))), "{failed:?}");
    let refused = resolver(|_| StatusCode::FORBIDDEN.into_response()).await.texts("sala.example").await;
    assert!(matches!(refused, Err(DnsError::Status(403))), "{refused:?}");
    let page = resolver(|_| "<html>".into_response()).await.texts("sala.example").await;
    assert!(matches!(page, Err(DnsError::Unreadable(_))), "{page:?}");
    let closed = Dns::at("http://127.0.0.1:9/".parse().expect("an address"), Timeouts::default());
    let unanswered = closed.texts("sala.example").await;
    assert!(matches!(unanswered, Err(DnsError::Unanswered(_))), "{unanswered:?}");
}
