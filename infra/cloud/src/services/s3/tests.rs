use std::time::Duration;

use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;

use crate::services::testing::{Folder, Local, browser};

fn for_minutes(minutes: u64) -> PresigningConfig {
    PresigningConfig::expires_in(Duration::from_secs(60 * minutes)).unwrap()
}

#[tokio::test]
async fn an_object_comes_back_as_it_was_put_also_after_a_restart() {
    let folder = Folder::new();
    let local = Local::start_in(&folder).await;
    let s3 = local.s3();
    let put = s3.put_object().bucket("images").key("events/evt 1/añejo.png").content_type("image/png");
    let put = put.cache_control("max-age=60").metadata("by", "ana").body(ByteStream::from_static(b"\x89PNG"));
    let etag = put.send().await.unwrap().e_tag;
    local.services.stop().await;

    let local = Local::start_in(&folder).await;
    let s3 = local.s3();
    let got = s3.get_object().bucket("images").key("events/evt 1/añejo.png").send().await.unwrap();
    assert_eq!((got.content_type(), got.cache_control()), (Some("image/png"), Some("max-age=60")));
    assert_eq!(got.metadata().unwrap()["by"], "ana");
    assert_eq!(got.e_tag, etag);
    assert_eq!(got.body.collect().await.unwrap().to_vec(), b"\x89PNG");
    let head = s3.head_object().bucket("images").key("events/evt 1/añejo.png").send().await.unwrap();
    assert_eq!(head.content_length(), Some(4));
    assert!(head.last_modified().is_some());

    s3.delete_object().bucket("images").key("events/evt 1/añejo.png").send().await.unwrap();
    let gone = s3.get_object().bucket("images").key("events/evt 1/añejo.png").send().await.unwrap_err();
    assert!(gone.into_service_error().is_no_such_key());
    let missing = s3.head_object().bucket("images").key("x").send().await.unwrap_err();
    assert!(missing.into_service_error().is_not_found());
}

#[tokio::test]
async fn a_browser_puts_and_gets_with_signed_urls() {
    let local = Local::start().await;
    let (s3, browser) = (local.s3(), browser());
    let put = s3.put_object().bucket("images").key("a/b+c.png").content_type("image/png");
    let put = put.presigned(for_minutes(5)).await.unwrap();
    let preflight = browser
        .request(reqwest::Method::OPTIONS, put.uri())
        .header("origin", "http://localhost:3000")
        .header("access-control-request-method", "PUT")
        .header("access-control-request-headers", "content-type")
        .send()
        .await
        .unwrap();
    assert!(preflight.status().is_success());
    assert_eq!(preflight.headers()["access-control-allow-origin"], "*");

    let upload = |content_type: &str| {
        let request = browser.put(put.uri()).header("content-type", content_type);
        request.header("origin", "http://localhost:3000").body("picture").send()
    };
    let forged = upload("text/html").await.unwrap();
    assert_eq!(forged.status(), 403, "the content type is part of what was signed");
    assert!(forged.text().await.unwrap().contains("SignatureDoesNotMatch"));
    let done = upload("image/png").await.unwrap();
    assert_eq!(
        (done.status().as_u16(), &done.headers()["access-control-allow-origin"]),
        (200, &"*".parse().unwrap())
    );

    let get = s3.get_object().bucket("images").key("a/b+c.png").presigned(for_minutes(5)).await.unwrap();
    let got = browser.get(get.uri()).send().await.unwrap();
    assert_eq!(got.headers()["content-type"], "image/png");
    assert_eq!(got.text().await.unwrap(), "picture");
    let (info, content) = local.services.s3().object("images", "a/b+c.png").await.unwrap().unwrap();
    assert_eq!((info.size, content.as_ref()), (7, b"picture".as_slice()));

    let other = get.uri().replace("b%2Bc", "other");
    assert_ne!(other, get.uri());
    assert_eq!(browser.get(other).send().await.unwrap().status(), 403);
    local.clock.advance(Duration::from_secs(301));
    let expired = browser.get(get.uri()).send().await.unwrap();
    assert_eq!(expired.status(), 403);
    assert!(expired.text().await.unwrap().contains("Request has expired"));
    let unsigned = format!("{}/images/a/b+c.png", local.services.endpoint());
    assert_eq!(browser.get(unsigned).send().await.unwrap().status(), 403);
}

#[tokio::test]
async fn a_streamed_upload_loses_its_framing_and_a_large_one_is_refused() {
    let (local, folder) = (Local::start().await, Folder::new());
    let s3 = local.s3();
    let file = folder.path().join("large");
    let put = |size: usize| {
        std::fs::write(&file, vec![7; size]).unwrap();
        let (s3, file) = (s3.clone(), file.clone());
        async move {
            let body = ByteStream::from_path(&file).await.unwrap();
            s3.put_object().bucket("images").key("large").body(body).send().await
        }
    };
    put(3_000_000).await.unwrap();
    let (info, content) = local.services.s3().object("images", "large").await.unwrap().unwrap();
    assert_eq!((info.size, content.iter().filter(|byte| **byte == 7).count()), (3_000_000, 3_000_000));
    assert!(put(super::MOST_BYTES + 1).await.is_err());
    let nowhere = s3.put_object().bucket("other").key("x").body(ByteStream::from_static(b"x")).send().await;
    assert_eq!(nowhere.unwrap_err().raw_response().unwrap().status().as_u16(), 404);
}
