use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Fixture, text};

const FILE: &str = "\u{feff}email;name;dni;city;subscription_active;monthly_fee_current;registration_date\r\n\
    ana@example.com;Ana Farola;1.020.304.050;Bogotá;sí;si;21/11/2025\r\n\
    beto@example.com;Beto Bambalina;52123456;;1;no;2025-01-31\r\n\
    \r\n\
    carla@example.com;Carla Candil;;Cali;;;\r\n";

fn counts(report: &Value) -> [u64; 5] {
    ["lines", "new", "changed", "unchanged", "bad"].map(|name| report[name].as_u64().expect("a count"))
}

async fn confirm(house: &Fixture, csv: &str) -> Value {
    let preview = house.post("import", json!({"csv": csv})).ok().await;
    house.post("import", json!({"csv": csv, "confirm": preview["digest"]})).ok().await
}

fn outcomes(report: &Value) -> Vec<String> {
    let results = report["results"].as_array().expect("results").iter();
    results.map(|result| format!("{} {}", result["line"], text(&result["outcome"]))).collect()
}

#[tokio::test]
async fn a_file_is_previewed_then_imported_and_harmless_when_repeated() {
    let house = Fixture::open().await;
    let preview = house.post("import", json!({"csv": FILE})).ok().await;
    assert_eq!((counts(&preview), &preview["confirmed"]), ([3, 3, 0, 0, 0], &json!(false)));
    assert_eq!(house.get("list").ok().await["items"], json!([]), "a preview changes nothing");

    let done = confirm(&house, FILE).await;
    assert_eq!(outcomes(&done), ["2 created", "3 created", "5 created"]);
    let ana = house.get("list?q=ana@example.com").ok().await["items"][0].clone();
    assert_eq!((&ana["city"], &ana["dni"]), (&json!("Bogotá"), &json!("1020304050")));
    assert_eq!((&ana["subscription_active"], &ana["monthly_fee_current"]), (&json!(true), &json!(true)));
    assert_eq!(ana["registration_date"], "2025-11-21T12:00:00Z");
    assert_eq!(ana["updated_by"], json!(house.organizer.person.id));

    let again = confirm(&house, FILE).await;
    assert_eq!(outcomes(&again), ["2 unchanged", "3 unchanged", "5 unchanged"]);
    assert_eq!(house.get(text(&ana["id"])).ok().await, ana);

    let other = "city,email,dni\n,ana@example.com,\nMedellín,BETO@example.com,52.123.456\nCali,carla@example.com,79123456\nLima,dora@example.com,1\n";
    let changed = confirm(&house, other).await;
    assert_eq!(counts(&changed), [4, 0, 2, 1, 1]);
    assert_eq!(outcomes(&changed), ["2 unchanged", "3 changed", "4 changed"]);
    let beto = house.get("list?q=beto@example.com").ok().await["items"][0].clone();
    assert_eq!(
        (&beto["city"], &beto["subscription_active"], &beto["version"]),
        (&json!("Medellín"), &json!(true), &json!(2))
    );
    house.app.close().await;
}

#[tokio::test]
async fn every_bad_line_is_named_by_its_number() {
    let house = Fixture::open().await;
    house.member("vieja@example.com", json!({"dni": "79123456"})).await;
    let csv = "name,email,dni,country,subscription_active,registration_date\n\
        Ana,ana@example.com,1020304050,CO,si,2025-01-01\n\
        Sin Arroba,ana.example.com,,,,\n\
        Otra Ana,Ana@Example.com,,,,\n\
        Misma Ana,misma@example.com,TI 1020304050,,,\n\
        De Otro,otro@example.com,79.123.456,,,\n\
        ,nadie@example.com,,,,\n\
        Rut,rut@example.com,12531909-3,CL,quizás,ayer\n\
        Rut,rut2@example.com,12531909-3,CL,,2090-01-01\n\
        Corta,corta@example.com\n\
        \"Sin cerrar,cerrar@example.com,,,,\n\
        Tragada,tragada@example.com,,,,\n";
    let report = house.post("import", json!({"csv": csv})).ok().await;
    let mut errors = String::new();
    for error in report["errors"].as_array().expect("errors") {
        let field = error["field"].as_str().unwrap_or("-");
        let cell = error["cell"].as_str().unwrap_or("-");
        let _ = writeln!(errors, "{} {cell} {field}: {}", error["line"], text(&error["reason"]));
    }
    insta::assert_snapshot!(errors, @r"
    3 B3 email: Must be an e-mail address such as ana@example.com.
    4 B4 email: Line 2 has the same e-mail address. Keep one of both.
    5 C5 dni: Line 2 has the national id of the same person. Keep one of both.
    6 C6 dni: Another member has this national id. Check it for a typo.
    7 A7 name: A new member needs a name.
    8 E8 subscription_active: Must be sí, verdadero, yes, true, x or 1; or no, falso, false or 0.
    8 F8 registration_date: Must be a date such as 2026-11-21 or 21/11/2026, or a time such as 2026-11-21T20:00:00Z.
    9 C9 dni: The check digit does not fit the other digits; look for a typo.
    9 F9 registration_date: Must be between 1970 and today.
    11 A11 name: The cell goes on over several lines. Take the line breaks out of it, or look for a missing quotation mark on this line and the next.
    ");
    assert_eq!(counts(&report), [10, 2, 0, 0, 8]);
    let done = confirm(&house, csv).await;
    assert_eq!(outcomes(&done), ["2 created", "10 created"], "bad lines are left out");
    house.app.close().await;
}

#[tokio::test]
async fn only_the_previewed_file_is_imported() {
    let house = Fixture::open().await;
    let preview = house.post("import", json!({"csv": FILE})).ok().await;
    let other = FILE.replace("Cali", "Lima");
    let body = json!({"csv": other, "confirm": preview["digest"]});
    house.post("import", body).refused(409, "import_changed").await;
    let stranger = house.app.organizer("mareas").await;
    let body = json!({"csv": FILE, "confirm": preview["digest"]});
    house
        .app
        .post("/api/v1/users/import")
        .token(&stranger.token)
        .json(body)
        .refused(409, "import_changed")
        .await;
    assert_eq!(house.get("list").ok().await["items"], json!([]));

    let columns = house.post("import", json!({"csv": "edad,name\nana@example.com,Ana\n"})).ok().await;
    assert_eq!(
        (&columns["errors"][0]["field"], &columns["errors"][0]["cell"]),
        (&json!("edad"), &json!("A1"))
    );
    assert_eq!((&columns["errors"][1]["field"], &columns["lines"]), (&json!("email"), &json!(0)));
    let many = format!("email\n{}", "a@example.com\n".repeat(5001));
    house.post("import", json!({"csv": many})).refused(422, "refused_fields").await;
    house.post("import", json!({"csv": "x".repeat(2_000_001)})).refused(422, "refused_fields").await;
    house.post("import", json!({"csv": "x".repeat(5_000_000)})).refused(413, "body_too_large").await;
    house.app.close().await;
}

#[tokio::test]
async fn a_file_may_be_sent_as_the_bytes_that_excel_wrote() {
    let house = Fixture::open().await;
    // In Windows-1252: a header, and María Núñez.
    let file = "Y29ycmVvO25vbWJyZQ0KbWFyaWFAZXhhbXBsZS5jb207TWFy7WEgTvrxZXoNCg==";
    let preview = house.post("import", json!({"file": file})).ok().await;
    house.post("import", json!({"file": file, "confirm": preview["digest"]})).ok().await;
    assert_eq!(house.get("list").ok().await["items"][0]["name"], "María Núñez");
    // The same in Mac Roman, whose letters can only be guessed.
    let file = "Y29ycmVvO25vbWJyZQ0KbWFyaWFAZXhhbXBsZS5jb207TWFykmENCg==";
    let preview = house.post("import", json!({"file": file})).ok().await;
    assert_eq!((&preview["errors"][0]["cell"], counts(&preview)), (&json!("B2"), [1, 0, 0, 0, 1]));
    for both in [json!({}), json!({"csv": "email", "file": "ZW1haWw="}), json!({"file": "¡no!"})] {
        house.post("import", both).refused(422, "refused_fields").await;
    }
    house.app.close().await;
}

#[tokio::test]
async fn a_number_with_decimals_is_never_read_as_a_national_id() {
    let house = Fixture::open().await;
    let csv =
        "correo,nombre,cédula,,\nana@example.com,Ana,2012345.0,,\nbeto@example.com,Jos\u{fffd},52123456,,\n";
    let report = house.post("import", json!({"csv": csv})).ok().await;
    let cells: Vec<_> =
        report["errors"].as_array().expect("errors").iter().map(|error| text(&error["cell"])).collect();
    assert_eq!((cells, counts(&report)), (vec!["C2", "B3"], [2, 0, 0, 0, 2]));
    let member = json!({"name": "Ana", "email": "ana@example.com", "dni": "2012345.0"});
    let refused = house.post("register", member).refused(422, "refused_fields").await;
    assert_eq!(refused["errors"][0]["pointer"], "/dni");
    house.app.close().await;
}

/// More lines than one transaction, and a line whose person is already a member by then.
#[tokio::test]
async fn a_long_file_is_imported_although_one_line_conflicts() {
    let house = Fixture::open().await;
    let mut csv = "email,name,dni\n".to_owned();
    for index in 0..500 {
        let _ = writeln!(csv, "m{index}@example.com,Nombre {index},{}", 50_000_000 + index);
    }
    // A supervisor registers one person between the preview and the confirmation.
    let preview = house.post("import", json!({"csv": csv})).ok().await;
    assert_eq!(counts(&preview), [500, 500, 0, 0, 0]);
    house.member("m40@example.com", json!({"name": "Por la puerta", "dni": "50000040"})).await;
    let done = house.post("import", json!({"csv": csv, "confirm": preview["digest"]})).ok().await;
    assert_eq!(counts(&done), [500, 499, 1, 0, 0]);
    let outcomes = outcomes(&done);
    assert_eq!(
        (outcomes.len(), outcomes[40].as_str(), outcomes[41].as_str()),
        (500, "42 changed", "43 created")
    );
    assert_eq!(house.get("stats").ok().await["total"], 500);
    house.app.close().await;
}
