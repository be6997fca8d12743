//! The description of the API, made from the routes of all functions. It is
//! checked in for the function `site` to serve, because no function knows the
//! others; a test compares.

mod examples;
mod markdown;
mod refusals;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::resume_unwind;

use aide::axum::ApiRouter;
use aide::openapi::{License, OpenApi, Server, Tag};
use boot::{Boot, BootError, Clock, Env};
use cloud::template::{Route, Surroundings, Template};
use gateways::GatewayUrls;
use serde_json::Value;

pub use self::examples::examples;
use crate::functions::routers;
use crate::local_cloud::{credentials, parameters};

/// What the groups of operations are about, in the order of a ticket's life.
const TAGS: [(&str, &str); 24] = [
    (
        "Storefront",
        "What everybody may see: shows, prices, free seats. And quotes, with which buying begins.",
    ),
    ("Purchases", "Holding places at a quoted price, paying for them, refunds."),
    ("Tickets", "A person's tickets and their QR codes."),
    ("Transfers", "Handing a ticket on to somebody else."),
    ("Door", "Letting each ticket in once; scanners, with and without a network."),
    ("Auth", "Accounts, sessions and the keys of access tokens."),
    (
        "Second factor",
        "Authenticator apps, passkeys and recovery codes; and proving again who one is, for what needs a recent sign-in.",
    ),
    ("A person's data", "Everything that is kept about a person, as a document, and its end."),
    ("Organisers", "Who sells: the organiser and its staff."),
    ("Workplaces", "A person's places on organisers' staff: invitations, and leaving."),
    ("Gateways", "An organiser's accounts at payment gateways, which take its money."),
    ("Refund tasks", "Refunds that a person has to do, and payments that a person has to look at."),
    ("Events", "Events of an organiser, and putting them on sale."),
    ("Areas", "The zones of an event, their places and seats."),
    ("Seating plan", "Where the seats of an event are, in versions; exchange with pretix."),
    ("Prices", "Sale stages, promotions, fees and VAT."),
    ("Products", "What is sold beside tickets, with variants, prices and stocks: parking, drinks, shirts."),
    ("Discounts", "Members of a community ask for discounts on shows, and look how far the answer is."),
    ("Members", "Who belongs to a tenant's community: subscriptions, fees, files of members."),
    (
        "Supervision",
        "People decide about discount requests, word the mails and send them; templates, figures, the audit log.",
    ),
    ("Sites", "Hosts of an organiser's own, at which buyers see only its shows."),
    (
        "Operator",
        "Who runs the box office: organisers, their shows and what they owe. Named by configuration, with a second factor.",
    ),
    ("Webhooks", "What payment gateways and the mail service tell us. Not for people."),
    ("Site", "Health, and where to read on."),
];

const DESCRIPTION: &str = "\
Every price is a signed quote, every quote becomes a reservation, every reservation that is paid becomes \
tickets, and every ticket opens the door once.

Amounts are numbers in major units of the ISO 4217 `currency` beside them (`105680`, `87830.50`), exact to the \
last decimal; percentages are numbers of per cent (`-20` is 20 % off). Requests may write both as text, too. What \
has more decimals than its currency is refused. Times are RFC 3339 in UTC. Failures are `application/problem+json` \
(RFC 9457) with a stable `code`; each operation lists its own. What a schema forbids is 400; what fits it and cannot be \
all the same, because of other fields or of what is stored, is 422 or 409. Fields and query parameters that an operation does not name are refused, and \
`errors` has all that is wrong with a body or a query, each with its place. Lists are paged with `limit` and \
`cursor`. A POST that creates or charges takes an `Idempotency-Key`: sent again with the same body it has the same \
answer.";

/// The description of the whole API.
///
/// # Panics
/// If the functions do not accept what the template configures, with which the
/// local cloud would not start either; or if two have the same route.
pub fn document() -> OpenApi {
    describe(|routers| {
        let all = routers.into_values().fold(ApiRouter::new(), ApiRouter::merge);
        let mut api = web::describe(all);
        api.info.description = Some(DESCRIPTION.to_owned());
        api.info.license = Some(License {
            name: env!("CARGO_PKG_LICENSE").to_owned(),
            identifier: Some(env!("CARGO_PKG_LICENSE").to_owned()),
            ..License::default()
        });
        api.servers = vec![Server { url: "/".to_owned(), ..Server::default() }];
        api.tags = TAGS
            .iter()
            .map(|(name, text)| Tag {
                name: (*name).to_owned(),
                description: Some((*text).to_owned()),
                ..Tag::default()
            })
            .collect();
        if let Some(paths) = &mut api.paths {
            paths.paths.sort_unstable_keys();
        }
        refusals::describe(&mut api);
        let used = used_schemas(&api);
        if let Some(components) = &mut api.components {
            components.schemas.retain(|name, _| used.contains(name));
            components.schemas.sort_unstable_keys();
        }
        api
    })
}

/// The names of the schemas that operations refer to, be it through others. What
/// describes only a path or a query has become parameters and is not among them.
fn used_schemas(api: &OpenApi) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    let mut wanted = vec![serde_json::to_value(&api.paths).unwrap_or_default()];
    if let Some(components) = &api.components {
        wanted.push(serde_json::to_value(&components.responses).unwrap_or_default());
    }
    while let Some(part) = wanted.pop() {
        match part {
            Value::Array(parts) => wanted.extend(parts),
            Value::Object(mut parts) => {
                let reference = parts.remove("$ref");
                wanted.extend(parts.into_iter().map(|(_, part)| part));
                let name = reference.as_ref().and_then(Value::as_str);
                let Some(name) = name.and_then(|name| name.strip_prefix("#/components/schemas/")) else {
                    continue;
                };
                let schema = api.components.as_ref().and_then(|components| components.schemas.get(name));
                if let (Some(schema), true) = (schema, used.insert(name.to_owned())) {
                    wanted.push(serde_json::to_value(schema).unwrap_or_default());
                }
            }
            _ => {}
        }
    }
    used
}

/// The descriptions of the single functions that answer requests, by name.
///
/// # Panics
/// As [`document`].
pub fn functions() -> BTreeMap<&'static str, OpenApi> {
    let names: Vec<_> = describe(|routers| routers.into_keys().collect());
    let one = |name| {
        describe(|mut routers| {
            routers.retain(|other, _| *other == name);
            web::describe(routers.into_values().fold(ApiRouter::new(), ApiRouter::merge))
        })
    };
    names.into_iter().map(|name| (name, one(name))).collect()
}

/// The routes that each function's own router knows and describes, by the function's name.
///
/// # Panics
/// As [`document`].
pub fn routes() -> BTreeMap<String, Vec<Route>> {
    let routes = |document: OpenApi| -> Vec<Route> {
        let paths = document.paths.map(|paths| paths.paths).unwrap_or_default();
        let items = paths.into_iter().filter_map(|(path, item)| Some((path, item.into_item()?)));
        let routes = items.flat_map(|(path, item)| {
            let methods: Vec<String> = item.iter().map(|(method, _)| method.to_ascii_uppercase()).collect();
            methods.into_iter().map(move |method| Route { path: path.clone(), method })
        });
        routes.collect()
    };
    functions().into_iter().map(|(name, document)| (name.to_owned(), routes(document))).collect()
}

/// The description with an example of each operation, as it is checked in.
///
/// # Panics
/// As [`document`].
pub fn with_examples() -> Value {
    let mut api = serde_json::to_value(document()).expect("a description is JSON");
    say_largest(&mut api);
    examples::add_to(&mut api);
    api
}

/// Says how large a whole number of 32 bits can be: of smaller ones schemas say it already.
fn say_largest(part: &mut Value) {
    match part {
        Value::Array(parts) => parts.iter_mut().for_each(say_largest),
        Value::Object(parts) => {
            parts.values_mut().for_each(say_largest);
            if parts.get("format").is_some_and(|format| format == "uint32") {
                parts.entry("maximum").or_insert(u32::MAX.into());
            }
        }
        _ => {}
    }
}

/// The text of `functions/site/openapi.json`.
///
/// # Panics
/// As [`document`].
pub fn text() -> String {
    let mut text = serde_json::to_string_pretty(&with_examples()).expect("a description is JSON");
    text.push('\n');
    text
}

/// The text of `docs/API_DOCUMENTATION.md`.
///
/// # Panics
/// As [`document`].
pub fn page() -> String {
    markdown::page(&with_examples())
}

/// Has `make` describe the functions' routes on a thread of its own: schemas
/// gather in a place of the thread, where other routers may have left theirs.
fn describe<T: Send>(make: impl FnOnce(BTreeMap<&'static str, ApiRouter>) -> T + Send) -> T {
    let described = std::thread::scope(|scope| {
        scope.spawn(|| house_routers().map(make)).join().unwrap_or_else(|panic| resume_unwind(panic))
    });
    described.expect("the functions accept what the template gives them, as the local cloud shows at start")
}

/// The routes of all functions as the template configures them, on a machine
/// where nothing runs: they are only described.
fn house_routers() -> Result<BTreeMap<&'static str, ApiRouter>, BootError> {
    const NOWHERE: &str = "http://127.0.0.1:9";
    let template = Template::repository()?;
    let secrets = template.secrets().map(|id| (id.to_owned(), "-".repeat(64))).collect();
    let gateways = GatewayUrls { sandbox: NOWHERE, mercado_pago: NOWHERE, wompi: NOWHERE, payu: NOWHERE };
    let parameters = parameters(NOWHERE, gateways, &secrets);
    let stack = template.stack(&Surroundings { parameters, secrets, endpoint: NOWHERE.to_owned() })?;
    let boot = |name: &str| {
        let env = stack.function(name).map(|function| function.env.clone()).unwrap_or_default();
        Boot::new(env.into_iter().chain(credentials(NOWHERE, name)).collect::<Env>(), Clock::system())
    };
    Ok(routers(boot)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_is_complete_and_always_the_same() {
        let api = document();
        let described: BTreeSet<_> = api.tags.iter().map(|tag| tag.name.as_str()).collect();
        let used: BTreeSet<_> =
            api.operations().flat_map(|(_, _, operation)| &operation.tags).map(String::as_str).collect();
        assert_eq!(described, used, "the tags with a text on the left, those of operations on the right");
        assert_eq!(text(), text());
    }

    /// The amounts under `schema` that stand beside no currency, nor inside of anything
    /// that does.
    fn without_currency(api: &Value, schema: &Value, path: &str, deep: usize, lost: &mut BTreeSet<String>) {
        let schema = match schema["$ref"].as_str().and_then(|name| name.strip_prefix('#')) {
            Some(name) => api.pointer(name).unwrap_or_else(|| panic!("{name} is not there")),
            None => schema,
        };
        if schema["format"] == "decimal" {
            lost.insert(path.to_owned());
        }
        // Whatever is inside of an object with a currency has it.
        if deep == 0 || !schema.is_object() || schema["properties"].get("currency").is_some() {
            return;
        }
        for (name, part) in schema["properties"].as_object().into_iter().flatten() {
            without_currency(api, part, &format!("{path}.{name}"), deep - 1, lost);
        }
        let parts = ["items", "additionalProperties"].map(|part| &schema[part]).into_iter();
        let choices = ["anyOf", "oneOf", "allOf"].map(|part| schema[part].as_array());
        let parts = parts.chain(choices.into_iter().flatten().flatten());
        parts.for_each(|part| without_currency(api, part, path, deep - 1, lost));
    }

    #[test]
    fn every_amount_of_an_answer_has_its_currency() {
        let api = serde_json::to_value(document()).expect("JSON");
        let (mut lost, mut answers) = (BTreeSet::new(), 0);
        for (path, operations) in api["paths"].as_object().expect("paths") {
            for (method, operation) in operations.as_object().expect("operations") {
                for response in operation["responses"].as_object().into_iter().flatten().map(|(_, it)| it) {
                    let schema = &response["content"]["application/json"]["schema"];
                    answers += usize::from(!schema.is_null());
                    without_currency(&api, schema, &format!("{method} {path}"), 20, &mut lost);
                }
            }
        }
        assert!(answers > 50, "{answers} answers");
        assert!(lost.is_empty(), "amounts of no currency: {lost:#?}");
    }

    #[test]
    fn the_api_knows_neither_minor_units_nor_basis_points() {
        let text = text();
        for word in ["minor unit", "basis point"] {
            assert!(!text.contains(word), "{word}");
        }
    }

    #[test]
    fn examples_add_nothing_but_examples() {
        fn without_examples(value: &mut Value) {
            match value {
                Value::Object(members) => {
                    members.shift_remove("example");
                    members.values_mut().for_each(without_examples);
                }
                Value::Array(items) => items.iter_mut().for_each(without_examples),
                _ => {}
            }
        }
        let mut with = with_examples();
        let mut without = serde_json::to_value(document()).expect("JSON");
        say_largest(&mut without);
        assert_ne!(with, without, "there are examples");
        without_examples(&mut with);
        without_examples(&mut without);
        assert!(with == without, "something else was added");
    }

    #[test]
    fn no_two_types_have_the_same_name() {
        let api = document();
        let schemas = &api.components.expect("components").schemas;
        let numbered = |name: &&String| {
            let first = name.trim_end_matches(|c: char| c.is_ascii_digit());
            first.len() < name.len() && schemas.contains_key(first)
        };
        let numbered: Vec<_> = schemas.keys().filter(numbered).collect();
        assert!(numbered.is_empty(), "types of other functions have these names already: {numbered:?}");
    }
}
