//! Members imported from a file: each exists once, as the file says.

use std::cell::Cell;
use std::fmt::Write as _;

use serde_json::{Value, json};
use testkit::{Organizer, TestApp};

use super::at_each_write;

/// New members in a file: more than one transaction can write.
const NEW: usize = 70;
/// Existing members whose city a file changes.
const CHANGED: usize = 5;

/// A file with [`NEW`] new members, and [`CHANGED`] existing ones with another city.
fn file(number: usize) -> String {
    let mut csv = "email,name,dni,city\n".to_owned();
    for index in 0..CHANGED {
        let _ = writeln!(csv, "vieja{index}@example.com,Vieja {index},,Ciudad {number}");
    }
    for index in 0..NEW {
        let id = 10_000_000 + 1000 * number + index;
        let _ = writeln!(csv, "p{number}-{index}@example.com,Persona {index},{id},Cali");
    }
    csv
}

/// All members with their addresses.
async fn members(app: &TestApp, token: &str) -> Vec<(String, Value)> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = app.get(format!("/api/v1/users/list?limit=100{cursor}")).token(token).ok().await;
        for member in page["items"].as_array().expect("items") {
            all.push((member["email"].as_str().expect("an address").to_owned(), member.clone()));
        }
        let Some(next) = page["next_cursor"].as_str() else { return all };
        cursor = format!("&cursor={next}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeated_import_does_the_rest() {
    let app = TestApp::start().await;
    let Organizer { person, tenant, .. } = app.organizer("faroles").await;
    let token = async || app.sign_in(&person.email, Some(&tenant)).await.token;
    let first = token().await;
    for index in 0..CHANGED {
        let body = json!({"name": format!("Vieja {index}"), "email": format!("vieja{index}@example.com")});
        app.post("/api/v1/users/register").token(&first).json(body).ok().await;
    }
    let files = Cell::new(0);
    at_each_write("members", CHANGED + 2, async |death| {
        let (token, csv) = (token().await, file(files.get()));
        let import = |body: Value| app.post("/api/v1/users/import").token(&token).json(body);
        let preview = import(json!({"csv": csv})).ok().await;
        assert_eq!((&preview["new"], &preview["bad"]), (&json!(NEW), &json!(0)), "{preview}");
        let confirm = || import(json!({"csv": csv, "confirm": preview["digest"]}));
        let (has_struck, answer) = death.send(&app, confirm).await;
        let done = answer.ok();
        let results = done["results"].as_array().expect("results");
        assert!(results.iter().all(|result| result["outcome"] != "failed"), "{death:?}: {done}");
        let again = import(json!({"csv": csv})).ok().await;
        assert_eq!(again["unchanged"], json!(NEW + CHANGED), "{death:?}: {again}");

        files.set(files.get() + 1);
        let all = members(&app, &token).await;
        let addresses: std::collections::BTreeSet<_> = all.iter().map(|(email, _)| email).collect();
        assert_eq!((all.len(), addresses.len()), (files.get() * NEW + CHANGED, all.len()), "{death:?}");
        let moved = format!("Ciudad {}", files.get() - 1);
        let there = all.iter().filter(|(_, member)| member["city"] == moved).count();
        assert_eq!(there, CHANGED, "{death:?}");
        has_struck
    })
    .await;
    app.close().await;
}
