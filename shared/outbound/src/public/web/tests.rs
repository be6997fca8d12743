use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Query, RawQuery};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpListener;

use super::*;

const PROOF: &str = "/.well-known/taquilla-site";

/// A server on this machine, and how often it was asked.
async fn server(router: Router) -> (SocketAddr, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let counted = router.layer(axum::middleware::map_request(move |request: axum::extract::Request| {
        count.fetch_add(1, Ordering::SeqCst);
        async move { request }
    }));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move { axum::serve(listener, counted).await });
    (address, asked)
}

fn page(answer: fn() -> Response) -> Router {
    Router::new().route(PROOF, get(move || async move { answer() }))
}

/// Ten megabytes, a piece at a time.
fn endless() -> Response {
    let piece = |_| Ok::<_, std::io::Error>(vec![b'0'; 1024]);
    Body::from_stream(futures::stream::iter((0..10 * 1024).map(piece))).into_response()
}

/// What is read of a server, as if this machine were a public host.
async fn read(answer: fn() -> Response) -> Result<Bytes, PublicError> {
    let (server, _) = server(page(answer)).await;
    let pinned = Pinned { host: "sala.example".to_owned(), addresses: vec![server.ip()] };
    let url = format!("http://sala.example:{}{PROOF}", server.port()).parse().expect("an address");
    fetch(&pinned.client(false).expect("a client"), url, |_| true).await
}

#[tokio::test]
async fn a_small_page_is_read_and_nothing_is_followed() {
    assert_eq!(read(|| "0f".into_response()).await.expect("a page"), "0f");
    assert_eq!(read(|| "0".repeat(1024).into_response()).await.expect("a page").len(), 1024);
    let large = read(|| "0".repeat(1025).into_response()).await;
    assert!(matches!(large, Err(PublicError::TooLarge)), "{large:?}");
    let endless = read(endless).await;
    assert!(matches!(endless, Err(PublicError::TooLarge)), "{endless:?}");
    let away = read(|| Redirect::temporary("http://169.254.169.254/latest/meta-data/").into_response()).await;
    assert!(matches!(away, Err(PublicError::Status(307))), "{away:?}");
    let home = read(|| Redirect::permanent(PROOF).into_response()).await;
    assert!(matches!(home, Err(PublicError::Status(308))), "{home:?}");
    let missing = read(|| http::StatusCode::NOT_FOUND.into_response()).await;
    assert!(matches!(missing, Err(PublicError::Status(404))), "{missing:?}");
}

#[tokio::test]
async fn a_connection_to_an_address_that_is_not_public_is_not_read() {
    let (server, _) = server(page(|| "0f".into_response())).await;
    // The name was checked, and the connection still came to this machine.
    let pinned = Pinned { host: "sala.example".to_owned(), addresses: vec![server.ip()] };
    let url: Url = format!("http://sala.example:{}{PROOF}", server.port()).parse().expect("an address");
    let client = pinned.client(false).expect("a client");
    let inside = fetch(&client, url.clone(), is_public).await;
    assert!(matches!(inside, Err(PublicError::NotPublic)), "{inside:?}");
    assert_eq!(fetch(&client, url, |_| true).await.expect("the control"), "0f");
}

#[tokio::test]
async fn no_other_name_is_resolved() {
    let (server, asked) = server(page(|| "0f".into_response())).await;
    let pinned = Pinned { host: "sala.example".to_owned(), addresses: vec![server.ip()] };
    let client = pinned.client(false).expect("a client");
    for other in ["localhost", "otra.example"] {
        let url = format!("http://{other}:{}{PROOF}", server.port()).parse().expect("an address");
        let elsewhere = fetch(&client, url, |_| true).await;
        assert!(matches!(elsewhere, Err(PublicError::Unanswered(_))), "{other}: {elsewhere:?}");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}

#[test]
fn only_names_are_hosts() {
    assert_eq!(
        url_of("sala.example", PROOF).expect("a name").as_str(),
        "https://sala.example/.well-known/taquilla-site"
    );
    assert!(url_of("xn--pea-8ma.example", PROOF).is_ok());
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f.1",
        "[::1]",
        "[::ffff:169.254.169.254]",
        "::1",
        "localhost",
        "",
        "sala.example.",
        "Sala.example",
        "peña.example",
        "sala.example:8443",
        "ana@sala.example",
        "ana:b@sala.example",
        "sala.example/x",
        "sala.example?",
        "sala.example#",
        "sala.example\\x",
        "sala .example",
        "sala.example\n",
    ] {
        assert!(url_of(host, PROOF).is_err(), "{host:?}");
    }
    assert!(url_of("sala.example", "/../x").is_err() && url_of("sala.example", "/x?y").is_err());
}

#[derive(Deserialize)]
struct Asked {
    name: String,
    r#type: String,
}

/// DNS in which the first part of a name is its IPv4 address, with hyphens, and others after `-and-`.
async fn dns() -> SocketAddr {
    let resolve = |Query(asked): Query<Asked>| async move {
        let first = asked.name.split('.').next().unwrap_or_default().to_owned();
        let addresses: Vec<String> = first.split("-and-").map(|part| part.replace('-', ".")).collect();
        let answer: Vec<_> = addresses
            .iter()
            .filter(|address| address.parse::<Ipv4Addr>().is_ok() && asked.r#type == "A")
            .map(|address| json!({"name": asked.name, "type": 1, "TTL": 0, "data": address}))
            .collect();
        axum::Json(json!({"Status": 0, "Answer": answer}))
    };
    server(Router::new().route("/dns-query", get(resolve))).await.0
}

#[tokio::test]
async fn a_name_with_an_address_that_is_not_public_is_never_connected_to() {
    let serve = |Path(host): Path<String>, RawQuery(_): RawQuery| async move { host };
    let (web, asked) = server(Router::new().route("/web/{host}/.well-known/taquilla-site", get(serve))).await;
    let dns = Dns::at(format!("http://{}/dns-query", dns().await).parse().expect("an address"), DNS_TIMEOUTS);
    let simulated = Some(format!("http://{web}/web/").parse().expect("an address"));
    let house = PublicWeb { dns: dns.clone(), simulated };
    assert_eq!(house.page("9-9-9-9.example", PROOF).await.expect("a page"), "9-9-9-9.example");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    for house in [house, PublicWeb { dns, simulated: None }] {
        for host in [
            "127-0-0-1.example",
            "169-254-169-254.example",
            "10-0-0-1.example",
            "9-9-9-9-and-127-0-0-1.example",
        ] {
            let inside = house.page(host, PROOF).await;
            assert!(matches!(inside, Err(PublicError::NotPublic)), "{host}: {inside:?}");
        }
        let nowhere = house.page("nowhere.example", PROOF).await;
        assert!(matches!(nowhere, Err(PublicError::NoAddress)), "{nowhere:?}");
        let address = house.page("127.0.0.1", PROOF).await;
        assert!(matches!(address, Err(PublicError::NoName)), "{address:?}");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1, "nothing else was asked");
}

#[tokio::test]
async fn a_host_that_does_not_come_to_an_end_is_given_up() {
    let forever = || {
        let first = futures::stream::iter([Ok::<_, std::io::Error>(vec![b'0'])]);
        Body::from_stream(futures::StreamExt::chain(first, futures::stream::pending())).into_response()
    };
    let (web, _) = server(
        Router::new().route("/web/{host}/.well-known/taquilla-site", get(move || async move { forever() })),
    )
    .await;
    let dns = Dns::at(format!("http://{}/dns-query", dns().await).parse().expect("an address"), DNS_TIMEOUTS);
    let house = PublicWeb { dns, simulated: Some(format!("http://{web}/web/").parse().expect("an address")) };
    let slow = house.page("9-9-9-9.example", PROOF).await;
    assert!(matches!(slow, Err(PublicError::TimedOut)), "{slow:?}");
}
