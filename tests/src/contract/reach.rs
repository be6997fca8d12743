//! The table actions that each function's code can reach, by its source: a policy that allows
//! fewer breaks something, perhaps only where no test runs.
//!
//! Reads the sources as text and matches calls by their names, so it may find more than can
//! happen, never less: only `shared/store` calls DynamoDB, and functions and `shared/actions` call it
//! on a value that is named `store`. Functions call actions on a value that is named as their type.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::policies::stack;

/// The client's calls as text, and the action that each needs.
const CALLS: [(&str, &str); 11] = [
    (".get_item()", "GetItem"),
    (".batch_get_item()", "BatchGetItem"),
    (".query()", "Query"),
    ("client.scan()", "Scan"),
    (".put_item()", "PutItem"),
    (".update_item()", "UpdateItem"),
    (".delete_item()", "DeleteItem"),
    // The parts of transactions.
    ("Put::builder()", "PutItem"),
    ("Update::builder()", "UpdateItem"),
    ("Delete::builder()", "DeleteItem"),
    ("ConditionCheck::builder()", "ConditionCheckItem"),
];

/// Actions that a function's code reaches by name alone and never performs, with the reason.
const NEVER: [(&str, &str, &str); 3] = [
    ("admin", "ConditionCheckItem", "an event that the operator hides is not put on sale by that"),
    ("purchases", "DeleteItem", "of refunds that an organiser starts, no refund task is closed"),
    ("webhooks", "DeleteItem", "a member whose mail bounced keeps the address, whose claim would be deleted"),
];

/// The types of `shared/actions`, as functions name their values.
const ACTIONS: [&str; 8] =
    ["catalog.", "quotes.", "orders.", "tickets.", "community.", "discounts.", "erasures.", "withdrawals."];

/// A function of `shared/store`: the actions in its own body, and the names that it calls.
#[derive(Debug, Default)]
struct StoreFunction {
    actions: BTreeSet<&'static str>,
    calls: BTreeSet<String>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The sources below a folder without their tests, comments and texts.
fn sources(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let is_test = name.starts_with("test");
        if path.is_dir() && !is_test {
            found.extend(sources(&path));
        } else if name.ends_with(".rs") && !is_test {
            let text = fs::read_to_string(&path).expect("a text");
            // A module of tests ends a file, unless it is a file of its own.
            let mut parts = text.split("#[cfg(test)]\n");
            let mut code = parts.next().unwrap_or_default().to_owned();
            for part in parts {
                let (head, rest) = part.split_once('\n').unwrap_or((part, ""));
                if !head.ends_with(';') {
                    break;
                }
                code.push_str(rest);
            }
            found.push(bare(&code));
        }
    }
    found
}

/// Code without comments, texts and spaces around dots.
fn bare(code: &str) -> String {
    let (mut bare, mut rest) = (String::new(), code);
    while let Some(c) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if c == '"' {
            let mut escaped = false;
            let end = rest[1..].find(|c: char| {
                let ends = c == '"' && !escaped;
                escaped = c == '\\' && !escaped;
                ends
            });
            end.map_or(rest.len(), |end| end + 2)
        } else if ["'{'", "'}'", "'\"'"].iter().any(|sign| rest.starts_with(sign)) {
            3
        } else {
            if !(c.is_whitespace() && (bare.ends_with([' ', '.', '(']) || bare.is_empty())) {
                if c == '.' && bare.ends_with(' ') {
                    bare.pop();
                }
                bare.push(if c.is_whitespace() { ' ' } else { c });
            }
            c.len_utf8()
        };
        rest = &rest[skipped..];
    }
    bare
}

/// The names before each opening bracket, with the code before the name.
fn called(code: &str) -> impl Iterator<Item = (&str, &str)> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices('(').filter_map(move |(end, _)| {
        let before = &code[..end];
        let start = before.rfind(|c: char| !is_name(c)).map_or(0, |at| at + 1);
        (start < end).then(|| (&code[..start], &code[start..end]))
    })
}

/// The functions in a piece of code with their bodies.
fn functions(code: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        let rest = &code[at + 3..];
        let name = rest.split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or_default();
        // Types have semicolons in brackets.
        let mut depth = 0_i32;
        let start = rest.find(|c: char| {
            depth += i32::from("([".contains(c)) - i32::from(")]".contains(c));
            depth == 0 && (c == '{' || c == ';')
        });
        let Some(start) = start.filter(|start| rest[*start..].starts_with('{')) else { continue };
        let mut depth = 0_i32;
        let end = rest[start..].find(|c: char| {
            depth += i32::from(c == '{') - i32::from(c == '}');
            depth == 0
        });
        found.push((name, &rest[start..start + end.unwrap_or(rest.len() - start)]));
    }
    found
}

/// The functions of `shared/store` by their names; those of one name count as one.
fn store() -> BTreeMap<String, StoreFunction> {
    let mut entry: BTreeMap<String, StoreFunction> = BTreeMap::new();
    for source in sources(&root().join("shared/store/src")) {
        for (name, body) in functions(&source) {
            let entry = entry.entry(name.to_owned()).or_default();
            let mut actions: BTreeSet<_> =
                CALLS.iter().filter(|(call, _)| body.contains(call)).map(|(_, action)| *action).collect();
            if body.contains(".index_name(") && actions.remove("Query") {
                actions.insert("Query by index");
            }
            entry.actions.extend(actions);
            // Calls on `self`, on a store or of free functions, but not on a map or a list.
            let calls = called(body).filter(|(before, _)| {
                before.ends_with("self.")
                    || before.ends_with("store.")
                    || !before.ends_with(['.', ':'])
                    || before.ends_with("Self::")
            });
            entry.calls.extend(calls.map(|(_, name)| name.to_owned()));
        }
    }
    entry
}

/// The code of `shared/actions` that a function's code can come to.
fn actions(code: &str) -> String {
    let sources = sources(&root().join("shared/actions/src"));
    let all: Vec<(&str, &str)> = sources.iter().flat_map(|source| functions(source)).collect();
    let is_action = |before: &str| ACTIONS.iter().any(|name| before.ends_with(name));
    let mut waiting: Vec<&str> =
        called(code).filter(|(before, _)| is_action(before)).map(|(_, name)| name).collect();
    let (mut seen, mut found) = (BTreeSet::new(), String::new());
    while let Some(name) = waiting.pop() {
        if seen.insert(name) {
            for (_, body) in all.iter().filter(|(other, _)| *other == name) {
                found.push_str(body);
                waiting.extend(called(body).map(|(_, name)| name));
            }
        }
    }
    found
}

/// The table actions that a function's code can reach.
fn reach(function: &str, store: &BTreeMap<String, StoreFunction>) -> BTreeSet<&'static str> {
    let mut code = sources(&root().join("functions").join(function).join("src")).join(" ");
    code.push_str(&actions(&code));
    let on_store = called(&code).filter(|(before, _)| before.ends_with("store."));
    let mut waiting: Vec<&str> = on_store.map(|(_, name)| name).collect();
    // What other crates of `shared` call for the function.
    for (part, call) in [
        ("EventCache", "priced_event"),
        ("self.events.get(", "priced_event"),
        ("web::Api", "warm"),
        ("Api::new", "warm"),
        ("Sites::new", "site_tenant"),
    ] {
        assert!(store.contains_key(call), "the store has no function `{call}`");
        if code.contains(part) {
            waiting.push(call);
        }
    }
    let (mut seen, mut actions) = (BTreeSet::new(), BTreeSet::new());
    while let Some(name) = waiting.pop() {
        let Some((name, entry)) = store.get_key_value(name) else { continue };
        if seen.insert(name) {
            actions.extend(&entry.actions);
            waiting.extend(entry.calls.iter().map(String::as_str));
        }
    }
    actions
}

#[test]
fn the_policy_allows_what_the_code_can_reach() {
    let store = store();
    let mut problems = Vec::new();
    for function in stack().functions {
        let mut allowed = BTreeSet::new();
        for statement in &function.statements {
            for action in statement.actions.iter().filter_map(|action| action.strip_prefix("dynamodb:")) {
                let by_index = statement.resources.iter().any(|resource| resource.contains("/index/"));
                allowed.insert(if by_index { format!("{action} by index") } else { action.to_owned() });
            }
        }
        let never = |action| NEVER.iter().any(|(name, never, _)| *name == function.name && *never == action);
        for action in reach(&function.name, &store) {
            if allowed.contains(action) == never(action) {
                problems.push(format!("{}: dynamodb:{action}", function.name));
            }
        }
    }
    assert!(
        problems.is_empty(),
        "the code can come to these, and template.yaml does not allow them (or `NEVER` is not true any more):\n{}",
        problems.join("\n")
    );
}

/// The control: if nothing were reached, the test above would pass with any policy.
#[test]
fn the_reach_of_some_functions_is_known() {
    let store = store();
    let reach = |function: &str| reach(function, &store).into_iter().collect::<Vec<_>>();
    assert_eq!(reach("mailer"), ["GetItem", "UpdateItem"]);
    // Its idempotency keys are freed by deleting them.
    assert!(reach("tickets").contains(&"DeleteItem"));
    // The members' address is looked up by an action.
    assert!(actions(&sources(&root().join("functions/discounts/src")).join(" ")).contains("member_by_email"));
    assert!(reach("supervision").contains(&"Query by index"));
    assert!(reach("auth").len() >= 5 && reach("door").len() >= 4);
}
