//! `docs/API_DOCUMENTATION.md`: the description for people who read rather than click.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use super::examples::examples;

/// The whole page, made from the description in JSON.
pub(super) fn page(api: &Value) -> String {
    let mut page = String::from("# The HTTP API of Taquilla\n\n");
    let intro = text(&api["info"]["description"]);
    line(&mut page, &format!("{intro}\n"));
    line(
        &mut page,
        "`cargo xtask openapi` writes this page from the functions' own types, as it does the description that a box office",
    );
    line(
        &mut page,
        "serves at `/openapi.json` and shows at `/docs` and `/redoc`. The examples are answers of the contract test.\n",
    );
    for tag in list(&api["tags"]) {
        let name = text(&tag["name"]);
        line(&mut page, &format!("- [{name}](#{}): {}", anchor(name), text(&tag["description"])));
    }
    for tag in list(&api["tags"]) {
        line(&mut page, &format!("\n## {}\n\n{}", text(&tag["name"]), text(&tag["description"])));
        for (path, item) in api["paths"].as_object().into_iter().flatten() {
            for (method, operation) in item.as_object().into_iter().flatten() {
                if operation["tags"][0] == tag["name"] {
                    describe(&mut page, api, &format!("{} {path}", method.to_uppercase()), operation);
                }
            }
        }
    }
    line(&mut page, "\n## Types");
    for (name, schema) in api["components"]["schemas"].as_object().into_iter().flatten() {
        line(&mut page, &format!("\n### {name}\n\n{}\n", one_line(&schema["description"])));
        fields(&mut page, schema);
    }
    page
}

fn describe(page: &mut String, api: &Value, route: &str, operation: &Value) {
    line(page, &format!("\n### {}\n\n`{route}`\n", text(&operation["summary"])));
    if let Some(description) = operation["description"].as_str() {
        line(page, &format!("{description}\n"));
    }
    let roles: Vec<&str> = list(&operation["x-roles"]).iter().map(text).collect();
    let who = if roles.is_empty() { "everybody, signed in or not".to_owned() } else { roles.join(", ") };
    let or = if operation["x-order-access"] == true { ", or whoever sends the order's link" } else { "" };
    let since =
        if operation[web::RECENT_SIGN_IN] == true { ", signed in within the last 30 minutes" } else { "" };
    line(page, &format!("For: {who}{since}{or}.\n"));
    let parameters: Vec<&Value> =
        list(&operation["parameters"]).iter().map(|parameter| resolve(api, parameter)).collect();
    if !parameters.is_empty() {
        line(page, "| Parameter | In | Type | Meaning |\n|---|---|---|---|");
        for parameter in parameters {
            let (name, place) = (text(&parameter["name"]), text(&parameter["in"]));
            let meaning = cell(&parameter["description"]);
            line(page, &format!("| `{name}` | {place} | {} | {meaning} |", kind(&parameter["schema"])));
        }
        page.push('\n');
    }
    let body = &resolve(api, &operation["requestBody"])["content"]["application/json"]["schema"];
    if body.is_object() {
        line(page, &format!("Body: {}.\n", kind(body)));
    }
    // Sorted, so that what is answered otherwise comes last.
    let responses: BTreeMap<_, _> = operation["responses"].as_object().into_iter().flatten().collect();
    for (status, response) in responses {
        let response = resolve(api, response);
        let schema = &response["content"]["application/json"]["schema"];
        let shape = if schema.is_object() { format!(" {}.", kind(schema)) } else { String::new() };
        line(page, &format!("- `{status}`: {}{shape}", one_line(&response["description"])));
    }
    if let Some(example) = examples().get(route) {
        show(page, route, example);
    }
}

/// The example as a request and its answer.
fn show(page: &mut String, route: &str, example: &Value) {
    let mut address = route.to_owned();
    for (name, value) in example["path"].as_object().into_iter().flatten() {
        address = address.replace(&format!("{{{name}}}"), text(value));
    }
    if let Some(query) = example["query"].as_str() {
        let _ = write!(address, "?{query}");
    }
    line(page, &format!("\n```http\n{address}\n```"));
    for part in ["body", "answer"] {
        if !example[part].is_null() {
            let json = serde_json::to_string_pretty(&example[part]).unwrap_or_default();
            line(page, &format!("\n```json\n{json}\n```"));
        }
    }
}

/// A table of an object's fields, or the values of an enumeration.
fn fields(page: &mut String, schema: &Value) {
    let Some(properties) = schema["properties"].as_object() else {
        return line(page, &format!("{}.", kind(schema)));
    };
    line(page, "| Field | Type | Meaning |\n|---|---|---|");
    for (name, field) in properties {
        let must = list(&schema["required"]).iter().any(|required| required == name);
        let mark = if must { "" } else { " (optional)" };
        line(page, &format!("| `{name}`{mark} | {} | {} |", kind(field), cell(&field["description"])));
    }
}

/// The type of a value in a few words, with a link if it has a name.
fn kind(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return format!("[{name}](#{})", anchor(name));
    }
    if let Some(value) = schema.get("const") {
        return format!("`{value}`");
    }
    let values = list(&schema["enum"]);
    if !values.is_empty() {
        return values.iter().map(|value| format!("`{value}`")).collect::<Vec<_>>().join(", ");
    }
    for choice in ["anyOf", "oneOf", "allOf"] {
        let choices = list(&schema[choice]);
        if !choices.is_empty() {
            return choices.iter().map(kind).collect::<Vec<_>>().join(" or ");
        }
    }
    let types = match &schema["type"] {
        Value::Array(types) => types.iter().map(text).collect::<Vec<_>>().join(" or "),
        one => one.as_str().unwrap_or("any").to_owned(),
    };
    if schema["items"].is_object() {
        return format!("{types} of {}", kind(&schema["items"]));
    }
    match schema["format"].as_str() {
        Some(format) => format!("{types} ({format})"),
        None => types,
    }
}

/// What a `$ref` leads to.
fn resolve<'a>(api: &'a Value, part: &'a Value) -> &'a Value {
    let pointer = part["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    pointer.and_then(|pointer| api.pointer(pointer)).unwrap_or(part)
}

fn anchor(heading: &str) -> String {
    heading.to_lowercase().replace(' ', "-")
}

fn one_line(value: &Value) -> String {
    text(value).split_whitespace().collect::<Vec<_>>().join(" ")
}

fn cell(value: &Value) -> String {
    one_line(value).replace('|', "\\|")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn line(page: &mut String, line: &str) {
    page.push_str(line);
    page.push('\n');
}
