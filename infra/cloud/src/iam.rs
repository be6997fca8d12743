//! The policies of the template, enforced: a function that asks a service for
//! something that its role does not allow is refused here as it would be on AWS.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::services::{ACCOUNT, Call, Denied, REGION, secretsmanager};
use crate::template::{Stack, Statement};

/// The roles of all functions, by name.
pub struct Roles {
    statements: BTreeMap<String, Vec<Statement>>,
    /// By function, what of its statements it has used.
    used: Mutex<BTreeMap<String, BTreeSet<Deed>>>,
    /// What was refused.
    refused: Mutex<Vec<String>>,
}

/// An action and the ARN of what it is done to; in policies, a pattern of it.
type Deed = (String, String);

impl Roles {
    pub fn of(stack: &Stack) -> Self {
        let roles =
            stack.functions.iter().map(|function| (function.name.clone(), function.statements.clone()));
        Self { statements: roles.collect(), used: Mutex::default(), refused: Mutex::default() }
    }

    /// Refuses what the caller's role does not allow. A caller that is no function,
    /// such as a test, may do everything.
    ///
    /// # Errors
    /// The permission that is missing, for the caller to read.
    pub fn check(&self, call: &Call<'_>) -> Result<(), Denied> {
        let Some(statements) = self.statements.get(call.caller) else { return Ok(()) };
        for (action, resource) in deeds(call) {
            let granting = statements.iter().filter(|statement| statement.actions.contains(&action));
            let pattern =
                granting.flat_map(|statement| &statement.resources).find(|pattern| fits(pattern, &resource));
            let Some(pattern) = pattern else {
                let message =
                    format!("{} is not authorized to perform: {action} on resource: {resource}", call.caller);
                tracing::error!("{message}: the template's policies do not allow it");
                self.refused.lock().unwrap_or_else(PoisonError::into_inner).push(message.clone());
                return Err(Denied { message });
            };
            let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
            used.entry(call.caller.to_owned()).or_default().insert((action, pattern.clone()));
        }
        Ok(())
    }

    /// What was refused since this was last asked.
    pub fn take_refused(&self) -> Vec<String> {
        std::mem::take(&mut self.refused.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What the functions' roles allow and they never did: function, action and
    /// resource, as the policies have them. Reading the template's own secrets does
    /// not count: here they come with the environment.
    pub fn unused(&self) -> BTreeSet<String> {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let allowed = self.statements.iter().flat_map(|(function, statements)| {
            statements.iter().flat_map(move |statement| {
                statement.actions.iter().flat_map(move |action| {
                    statement
                        .resources
                        .iter()
                        .map(move |resource| (function.clone(), (action.clone(), resource.clone())))
                })
            })
        });
        allowed
            .filter(|(_, (action, secret))| action != "secretsmanager:GetSecretValue" || secret.contains('*'))
            .filter(|(function, deed)| !used.get(function).is_some_and(|used| used.contains(deed)))
            .map(|(function, (action, resource))| format!("{function}: {action} on {resource}"))
            .collect()
    }
}

/// Whether a resource fits an ARN of a policy, in which `*` stands for anything.
fn fits(pattern: &str, resource: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == resource,
        Some((before, "")) => resource.starts_with(before),
        Some((before, after)) => resource.strip_prefix(before).is_some_and(|rest| {
            (0..=rest.len())
                .filter(|start| rest.is_char_boundary(*start))
                .any(|start| fits(after, &rest[start..]))
        }),
    }
}

/// What a call is done to, of all that its body says.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Objects {
    table_name: String,
    index_name: Option<String>,
    /// By table.
    request_items: BTreeMap<String, IgnoredAny>,
    /// Each by what is done.
    transact_items: Vec<BTreeMap<String, Item>>,
    queue_url: String,
    secret_id: Option<String>,
    name: String,
}

/// An item of a transaction.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Item {
    table_name: String,
}

/// What a call does, in the words of policies.
fn deeds(call: &Call<'_>) -> Vec<Deed> {
    let objects = || serde_json::from_slice::<Objects>(call.body).unwrap_or_default();
    match call.service {
        "dynamodb" => dynamodb(call.operation, &objects()),
        "sqs" => {
            let url = objects().queue_url;
            let queue = url.rsplit('/').next().unwrap_or_default();
            // The batched forms need the same permission as the single ones.
            let action = call.operation.trim_end_matches("Batch");
            vec![(format!("sqs:{action}"), format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}"))]
        }
        "secretsmanager" => {
            let Objects { secret_id, name, .. } = objects();
            let id = secret_id.unwrap_or(name);
            vec![(format!("secretsmanager:{}", call.operation), secretsmanager::arn(&id))]
        }
        "ses" => vec![("ses:SendEmail".to_owned(), format!("arn:aws:ses:{REGION}:{ACCOUNT}:identity/local"))],
        "s3" => {
            let action = match call.operation {
                "GET" | "HEAD" => "s3:GetObject",
                "PUT" => "s3:PutObject",
                "DELETE" => "s3:DeleteObject",
                method => return vec![(format!("s3:{method}"), call.path.to_owned())],
            };
            vec![(action.to_owned(), format!("arn:aws:s3:::{}", call.path.trim_start_matches('/')))]
        }
        service => vec![(format!("{service}:{}", call.operation), "*".to_owned())],
    }
}

fn dynamodb(operation: &str, objects: &Objects) -> Vec<Deed> {
    let deed = |action: &str, table: &str| (format!("dynamodb:{action}"), table_arn(table));
    match operation {
        "BatchGetItem" | "BatchWriteItem" => {
            objects.request_items.keys().map(|table| deed(operation, table)).collect()
        }
        "TransactWriteItems" | "TransactGetItems" => {
            let items = objects.transact_items.iter().flatten();
            let action = |kind: &str| match kind {
                "ConditionCheck" => "ConditionCheckItem".to_owned(),
                kind => format!("{kind}Item"),
            };
            items.map(|(kind, item)| deed(&action(kind), &item.table_name)).collect()
        }
        _ => {
            let (action, mut resource) = deed(operation, &objects.table_name);
            if let Some(index) = &objects.index_name {
                resource.push_str("/index/");
                resource.push_str(index);
            }
            vec![(action, resource)]
        }
    }
}

fn table_arn(name: &str) -> String {
    format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn roles() -> Roles {
        let statement = |action: &str, resource: &str| Statement {
            actions: vec![action.to_owned()],
            resources: vec![resource.to_owned()],
        };
        let statements = vec![
            statement("dynamodb:Query", "arn:aws:dynamodb:us-east-1:000000000000:table/t/index/GSI1"),
            statement("dynamodb:PutItem", "arn:aws:dynamodb:us-east-1:000000000000:table/t"),
            statement("sqs:SendMessage", "arn:aws:sqs:us-east-1:000000000000:q"),
            statement("s3:PutObject", "arn:aws:s3:::images/*/original"),
            statement("ses:SendEmail", "arn:aws:ses:us-east-1:000000000000:*"),
            statement(
                "secretsmanager:PutSecretValue",
                "arn:aws:secretsmanager:us-east-1:000000000000:secret:taquilla/local/toy/*",
            ),
            statement(
                "secretsmanager:CreateSecret",
                "arn:aws:secretsmanager:us-east-1:000000000000:secret:taquilla/local/toy/*",
            ),
            // Here it comes with the environment.
            statement(
                "secretsmanager:GetSecretValue",
                "arn:aws:secretsmanager:us-east-1:000000000000:secret:taquilla-key",
            ),
        ];
        Roles {
            statements: BTreeMap::from([("toy".to_owned(), statements)]),
            used: Mutex::default(),
            refused: Mutex::default(),
        }
    }

    #[test]
    fn a_role_allows_what_it_says_and_nothing_else() {
        let roles = roles();
        for (service, operation, path, body, allowed) in [
            ("dynamodb", "Query", "/", json!({"TableName": "t", "IndexName": "GSI1"}), true),
            ("dynamodb", "Query", "/", json!({"TableName": "t"}), false),
            ("dynamodb", "PutItem", "/", json!({"TableName": "t"}), true),
            ("dynamodb", "PutItem", "/", json!({"TableName": "other"}), false),
            ("dynamodb", "BatchWriteItem", "/", json!({"RequestItems": {"t": []}}), false),
            (
                "dynamodb",
                "TransactWriteItems",
                "/",
                json!({"TransactItems": [{"Put": {"TableName": "t"}}]}),
                true,
            ),
            (
                "dynamodb",
                "TransactWriteItems",
                "/",
                json!({"TransactItems": [{"Put": {"TableName": "t"}}, {"ConditionCheck": {"TableName": "t"}}]}),
                false,
            ),
            ("sqs", "SendMessageBatch", "/", json!({"QueueUrl": "http://x/0/q"}), true),
            ("sqs", "ReceiveMessage", "/", json!({"QueueUrl": "http://x/0/q"}), false),
            ("s3", "PUT", "/images/a/b/original", json!(null), true),
            ("s3", "PUT", "/images/a/b/other", json!(null), false),
            ("ses", "SendEmail", "/v2/email/outbound-emails", json!({}), true),
            ("secretsmanager", "PutSecretValue", "/", json!({"SecretId": "taquilla/local/toy/1"}), true),
            ("secretsmanager", "PutSecretValue", "/", json!({"SecretId": "taquilla/local/door/1"}), false),
            ("secretsmanager", "CreateSecret", "/", json!({"Name": "taquilla/local/toy/1"}), true),
            ("secretsmanager", "DeleteSecret", "/", json!({"SecretId": "taquilla/local/toy/1"}), false),
            // AWS adds six characters to the name in the ARN.
            ("secretsmanager", "GetSecretValue", "/", json!({"SecretId": "taquilla-key"}), false),
        ] {
            let body = body.to_string();
            let call = Call { caller: "toy", service, operation, path, body: body.as_bytes() };
            assert_eq!(roles.check(&call).is_ok(), allowed, "{service} {operation} {body}");
            let call = Call { caller: "somebody else", ..call };
            assert!(roles.check(&call).is_ok());
        }
        assert_eq!(roles.unused(), BTreeSet::new());
        let refused = roles.take_refused();
        assert_eq!(refused.len(), 9, "{refused:?}");
        assert!(refused[0].starts_with("toy is not authorized to perform: dynamodb:Query on"), "{refused:?}");
        assert_eq!(roles.take_refused(), Vec::<String>::new());
    }
}
