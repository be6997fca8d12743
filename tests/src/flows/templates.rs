//! An organiser's own texts for the mails about discounts.

use std::time::Duration;

use serde_json::{Value, json};

use crate::community::{Community, text};

const APPROVED: &str = "templates/discount_approved/es";

fn path(rest: &str) -> String {
    format!("/api/v1/supervision/{rest}")
}

async fn save(house: &Community, body: &str, version: u32) -> Value {
    let new = json!({"subject": "Ven a {{ show }}", "body": body, "version": version});
    house.app.put(path(APPROVED)).token(&house.organizer.token).json(new).ok().await
}

async fn versions(house: &Community) -> Vec<(u64, String)> {
    let page = house.get(&format!("{APPROVED}/versions")).ok().await;
    let items = page["items"].as_array().expect("items").iter();
    items.map(|item| (item["version"].as_u64().expect("a number"), text(&item["body"]).to_owned())).collect()
}

#[tokio::test]
async fn a_tenant_edits_restores_and_resets_its_mail_templates() {
    let house = Community::open().await;
    let all = house.get("templates").ok().await;
    let items = all["items"].as_array().expect("items");
    assert_eq!(items.len(), 6, "three mails in two languages");
    for field in ["template_name", "subject", "body", "language", "version", "created_at", "updated_at"] {
        assert!(items.iter().all(|item| item.get(field).is_some()), "{field} in {all}");
    }
    assert!(items.iter().all(|item| item["version"] == 0), "{all}");
    let ours = house.get(APPROVED).ok().await;

    let first = save(&house, "Uno: {{ code }}", 0).await;
    assert_eq!((&first["version"], &first["subject"]), (&json!(1), &json!("Ven a {{ show }}")));
    assert_eq!(save(&house, "Uno: {{ code }}", 0).await, first, "sent again it is no new version");
    house.app.clock.advance(Duration::from_secs(60));
    let second = save(&house, "Dos: {{ code }}", 1).await;
    assert_eq!((&second["version"], &second["created_at"]), (&json!(2), &first["created_at"]));
    assert_ne!(second["updated_at"], first["updated_at"]);

    // A supervisor who has not seen the second version.
    let late = json!({"subject": "Tres", "body": "{{ code }}", "version": 1});
    let put = house.app.put(path(APPROVED)).token(&house.organizer.token).json(late);
    let refused = put.refused(409, "changed_meanwhile").await;
    assert_eq!(refused["version"], 2);

    let restored = house.app.post(path(&format!("{APPROVED}/restore"))).token(&house.organizer.token);
    let restored = restored.json(json!({"version": 1})).ok().await;
    assert_eq!((&restored["version"], &restored["body"]), (&json!(3), &json!("Uno: {{ code }}")));
    house.app.delete(path(APPROVED)).token(&house.organizer.token).send().await.ok();
    assert_eq!(house.get(APPROVED).ok().await, ours);
    let all = versions(&house).await;
    assert_eq!(all.iter().map(|(version, _)| *version).collect::<Vec<_>>(), [3, 2, 1], "history stays");
    let page = house.get(&format!("{APPROVED}/versions?limit=2")).ok().await;
    let rest = format!("{APPROVED}/versions?limit=2&cursor={}", text(&page["next_cursor"]));
    assert_eq!(house.get(&rest).ok().await["items"][0]["version"], 1);
    let unknown = house.app.post(path(&format!("{APPROVED}/restore"))).token(&house.organizer.token);
    unknown.json(json!({"version": 9})).refused(404, "version_not_found").await;

    let stranger = house.app.organizer("mareas").await;
    let theirs = house.app.get(path(&format!("{APPROVED}/versions"))).token(&stranger.token).ok().await;
    assert_eq!(theirs["items"], json!([]), "another tenant's history is its own");

    house.app.idle().await;
    let month = house.app.clock.now().strftime("%Y-%m").to_string();
    let audit = house.get(&format!("audit?month={month}")).ok().await;
    let done = audit["items"].as_array().expect("items").iter().map(|record| text(&record["action"]));
    let done: Vec<_> = done.filter(|action| action.starts_with("mail_template")).collect();
    assert_eq!(
        done,
        ["mail_template.reset", "mail_template.restore", "mail_template.save", "mail_template.save"]
    );
    house.app.close().await;
}

#[tokio::test]
async fn a_bad_template_is_refused_with_all_its_errors() {
    let house = Community::open().await;
    let bad = json!({"subject": "{{ titulo }}", "body": "Hola {{ nombre }}, {% for x in y %}"});
    let answer = house.app.put(path(APPROVED)).token(&house.organizer.token).json(bad);
    let answer = answer.refused(422, "refused_fields").await;
    let errors = answer["errors"].as_array().expect("errors").iter();
    let errors: Vec<String> =
        errors.map(|error| format!("{}: {}", text(&error["pointer"]), text(&error["detail"]))).collect();
    insta::assert_snapshot!(errors.join("\n"), @r"
    /subject: There is no variable `titulo`. The variables are `name`, `email`, `show`, `artist`, `venue`, `city`, `date`, `organizer`, `code`, `link`, `discount`.
    /body: Line 1: between {% and %} stands `if` or `elif` with variables, `and`, `or` and `not`, or `else` or `endif`; nothing else is understood.
    /body: There is no variable `nombre`. The variables are `name`, `email`, `show`, `artist`, `venue`, `city`, `date`, `organizer`, `code`, `link`, `discount`.
    /body: An approval must tell how to get the discount: use {{ code }} or {{ link }}.
    ");
    house
        .app
        .get(path("templates/discount_maybe/es"))
        .token(&house.organizer.token)
        .send()
        .await
        .refused(404, "not_found");
    assert_eq!(house.get(APPROVED).ok().await["version"], 0);
    house.app.close().await;
}

#[tokio::test]
async fn the_preview_is_what_is_mailed() {
    let house = Community::open().await;
    let show = house.show("<script>Los Faroles</script>", 5).await;
    let wording =
        "Hola {{ name }}:\n\nVen a {{ show }}. Código: {{ code }}\nhttps://faroles.example/?a=1&b=2";
    save(&house, wording, 0).await;
    let draft = json!({
        "name": "discount_approved", "language": "es", "subject": "Ven a {{ show }}", "body": wording,
    });
    let preview = house.app.post(path("templates/preview")).token(&house.organizer.token).json(draft);
    let preview = preview.ok().await;
    assert_eq!(preview["subject"], "Ven a Los Faroles");

    let email = house.member_who("ana", json!({"name": "Ana Ríos"})).await;
    let ana = house.app.confirmed("ana").await;
    let id = text(&house.ask(&email, &show).token(&ana.token).ok().await["id"]).to_owned();
    house.act(&id, json!({"action": "approve"})).ok().await;
    house.send(&id).ok().await;
    house.app.idle().await;
    let mails = house.app.mails(&email);
    // The first mail confirmed the address.
    let [_, mail] = &mails[..] else { panic!("{} mails", mails.len()) };
    let html = mail.html.as_deref().expect("a page");
    assert!(!html.contains("<script"), "{html}");
    assert!(html.contains("Ven a &lt;script&gt;Los Faroles&lt;/script&gt;"), "{html}");
    assert!(html.contains(
        "<a class=\"link\" style=\"color:#4338ca;\" href=\"https://faroles.example/?a=1&amp;b=2\">"
    ));

    // The mail and the preview are the same page but for the show and the code.
    let code = mail.text.as_deref().and_then(|text| text.split("Código: ").nth(1));
    let code = code.and_then(|text| text.lines().next()).expect("a code");
    let same = |html: &str| {
        html.replace("&lt;script&gt;Los Faroles&lt;/script&gt;", "Los Faroles")
            .replace("&lt;script&gt;Los Faroles&lt;&#x2f;script&gt;", "Los Faroles")
            .replace(code, "FAROLES-7K2M9Q")
    };
    let (start, end) = ("<body", "</html>");
    let body =
        |html: &str| html.split(start).nth(1).and_then(|rest| rest.split(end).next()).map(str::to_owned);
    let without_preheader = |html: &str| {
        let html = body(html).expect("a body");
        let (before, rest) = html.split_once("<div").expect("a preheader");
        format!("{before}{}", rest.split_once("</div>").expect("its end").1)
    };
    assert_eq!(without_preheader(&same(html)), without_preheader(text(&preview["html"])));
    house.app.close().await;
}
