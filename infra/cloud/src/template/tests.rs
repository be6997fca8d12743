use std::time::Duration;

use super::*;
use crate::services::{ConfigurationSet, EventDestination, QueueAttributes, Redrive};

/// A template with the given resources and a table to refer to.
fn stack(resources: &str) -> Result<Stack, TemplateError> {
    let text = format!(
        "Parameters:\n  Stage: {{Type: String, Default: staging}}\n  Sender: {{Type: String}}\n  Gateway: {{Type: String, Default: \"\"}}\n\
         Conditions:\n  IsProduction: !Equals [!Ref Stage, production]\n  \
         HasGateway: !And [!Not [!Condition IsProduction], !Not [!Equals [!Ref Gateway, \"\"]]]\n\
         Globals:\n  Function:\n    Timeout: 7\n    Environment: {{Variables: {{TABLE_NAME: !Ref Table, STAGE: !Ref Stage}}}}\n\
         Resources:\n  Table: {{Type: AWS::DynamoDB::Table, Properties: {{BillingMode: PAY_PER_REQUEST}}}}\n{resources}"
    );
    Template::parse(&text)?.stack(&Surroundings {
        parameters: BTreeMap::from([
            ("Stage".to_owned(), "local".to_owned()),
            ("Gateway".to_owned(), "http://pay".to_owned()),
        ]),
        secrets: BTreeMap::from([("Key".to_owned(), "open sesame".to_owned())]),
        endpoint: "http://127.0.0.1:8002".to_owned(),
    })
}

fn with_function(properties: &str) -> Result<Stack, TemplateError> {
    stack(&format!(
        "  Key: {{Type: AWS::SecretsManager::Secret}}\n  MailQueue: {{Type: AWS::SQS::Queue}}\n  Toy:\n    \
         Type: AWS::Serverless::Function\n    Metadata: {{BuildProperties: {{Binary: toy}}}}\n    \
         Properties: {{CodeUri: functions/toy, {properties}}}\n"
    ))
}

fn problem(result: Result<Stack, TemplateError>) -> String {
    result.expect_err("refused").to_string()
}

/// The template of the house in a stage, with its secrets named by their ARNs.
fn the_stack(stage: &str) -> Stack {
    let template = Template::repository().expect("it is a template");
    let parameters =
        [("Stage", stage), ("PublicUrl", "x"), ("SenderAddress", "x"), ("SandboxGatewayUrl", "x")];
    let arn = |id: &str| format!("arn:aws:secretsmanager:us-east-1:000000000000:secret:{}", local_name(id));
    let surroundings = Surroundings {
        parameters: parameters.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        secrets: template.secrets().map(|id| (id.to_owned(), arn(id))).collect(),
        endpoint: "http://127.0.0.1:8002".to_owned(),
    };
    template.stack(&surroundings).expect("everything in it is known")
}

#[test]
fn names_and_secrets_become_those_of_this_machine() {
    let stack = with_function(
        "Environment: {Variables: {QUEUE: !Ref MailQueue, KEY: !Ref Key, PAY: !If [HasGateway, !Ref Gateway, !Ref AWS::NoValue], \
         NOT: !If [IsProduction, yes, !Ref AWS::NoValue], ARN: !Sub \"${Table.Arn}/index/${Stage}\", ON: true}}",
    );
    let toy = stack.expect("valid").functions.remove(0);
    insta::assert_debug_snapshot!(toy.env, @r#"
    {
        "ARN": "arn:aws:dynamodb:us-east-1:000000000000:table/taquilla-table/index/local",
        "KEY": "open sesame",
        "ON": "true",
        "PAY": "http://pay",
        "QUEUE": "http://127.0.0.1:8002/000000000000/taquilla-mail-queue",
        "STAGE": "local",
        "TABLE_NAME": "taquilla-table",
    }
    "#);
    assert_eq!(toy.timeout, Duration::from_secs(7));
}

#[test]
fn policies_name_secrets_by_their_arn() {
    let stack = with_function(
        "Policies: [{Statement: [{Effect: Allow, Action: secretsmanager:GetSecretValue, Resource: !Ref Key}]}]",
    );
    insta::assert_debug_snapshot!(stack.expect("valid").functions[0].statements, @r#"
    [
        Statement {
            actions: [
                "secretsmanager:GetSecretValue",
            ],
            resources: [
                "arn:aws:secretsmanager:us-east-1:000000000000:secret:taquilla-key",
            ],
        },
    ]
    "#);
}

#[test]
fn event_sources_are_read_with_lambdas_defaults() {
    let stack = with_function(
        "Events: {Mails: {Type: SQS, Properties: {Queue: !GetAtt MailQueue.Arn}}, \
         Tick: {Type: Schedule, Properties: {Schedule: rate(1 hour), Input: '{\"task\":\"sweep\"}'}}, \
         Outbox: {Type: DynamoDB, Properties: {Stream: !GetAtt Table.StreamArn, StartingPosition: TRIM_HORIZON, MaximumRetryAttempts: -1, \
         DestinationConfig: {OnFailure: {Type: SQS, Destination: !GetAtt MailQueue.Arn}}}}}",
    );
    insta::assert_debug_snapshot!(stack.expect("valid").functions[0].sources, @r#"
    [
        Queue(
            QueueSource {
                queue: "taquilla-mail-queue",
                batch_size: 10,
                window: 0ns,
                concurrency: 10,
                reports_failures: false,
            },
        ),
        Stream(
            StreamSource {
                table: "taquilla-table",
                batch_size: 100,
                lanes: 1,
                filters: [],
                bisects: false,
                retries: None,
                on_failure: Some(
                    "taquilla-mail-queue",
                ),
                reports_failures: false,
            },
        ),
        Schedule(
            ScheduleSource {
                name: "Tick",
                every: 3600s,
                input: Object {
                    "task": String("sweep"),
                },
            },
        ),
    ]
    "#);
}

#[test]
fn a_queue_comes_after_its_dead_letters() {
    let stack = stack(
        "  A: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: 60, RedrivePolicy: {deadLetterTargetArn: !GetAtt B.Arn, maxReceiveCount: 3}}}\n  \
         B: {Type: AWS::SQS::Queue}\n",
    );
    let queues = stack.expect("valid").queues;
    assert_eq!(queues[0], Queue { name: "taquilla-b".to_owned(), attributes: QueueAttributes::default() });
    let redrive = Some(Redrive { queue: "taquilla-b".to_owned(), max_receives: 3 });
    let visibility = Duration::from_secs(60);
    assert_eq!(queues[1].attributes, QueueAttributes { visibility, redrive, ..QueueAttributes::default() });
}

#[test]
fn errors_name_the_resource() {
    for (properties, expected) in [
        (
            "Environment: {Variables: {X: !Ref Nobody}}",
            "template: Toy: refers to Nobody, which is neither a resource nor a parameter",
        ),
        (
            "Environment: {Variables: {X: !Ref Sender}}",
            "template: Toy: needs the parameter Sender, which has neither a value nor a default",
        ),
        (
            "Environment: {Variables: {X: !GetAtt MailQueue.Url}}",
            "template: Toy: needs MailQueue.Url of a AWS::SQS::Queue, which the local cloud does not have",
        ),
        (
            "Environment: {Variables: {X: !Select [0, [a]]}}",
            "template: Toy: uses !Select, which the local cloud does not know",
        ),
        (
            "Environment: {Variables: {X: {Ref: Table}}}",
            "template: Toy: uses `Ref:`; write the short form, such as `!Ref`",
        ),
        (
            "Events: {E: {Type: HttpApi, Properties: {ApiId: a, Method: GET, Path: /}}}",
            "template: Toy: the method of / must be one that writes, or ANY to read, not GET",
        ),
        (
            "Events: {E: {Type: Schedule, Properties: {Schedule: \"cron(0 12 * * ? *)\"}}}",
            "template: Toy: the schedule cron(0 12 * * ? *) must be a rate, such as rate(5 minutes)",
        ),
        (
            "Policies: [DynamoDBCrudPolicy]",
            "template: Toy: Policies must be written out as statements: invalid type: string \"DynamoDBCrudPolicy\", expected struct Policy",
        ),
    ] {
        assert_eq!(problem(with_function(properties)), expected);
    }
    let unknown = problem(with_function(
        "Events: {E: {Type: SQS, Properties: {Queue: !GetAtt MailQueue.Arn, Enabled: false}}}",
    ));
    assert!(unknown.contains("unknown field `Enabled`"), "{unknown}");
}

#[test]
fn a_route_leads_to_one_function() {
    let twice = "Events: {E: {Type: HttpApi, Properties: {ApiId: a, Method: any, Path: /x}}, F: {Type: HttpApi, Properties: {ApiId: a, Method: ANY, Path: /x}}}";
    assert_eq!(problem(with_function(twice)), "template: toy: GET /x leads to two functions");
}

#[test]
fn the_template_of_the_house_is_understood() {
    let stack = the_stack("local");
    let names: Vec<_> = stack.functions.iter().map(|function| function.name.as_str()).collect();
    insta::assert_debug_snapshot!(names, @r#"
    [
        "admin",
        "auth",
        "discounts",
        "door",
        "events",
        "issuer",
        "janitor",
        "mailer",
        "members",
        "pricing",
        "purchases",
        "relay",
        "settler",
        "site",
        "storefront",
        "supervision",
        "tickets",
        "webhooks",
    ]
    "#);
    for function in &stack.functions {
        assert!(!function.statements.is_empty(), "{} needs policies of its own", function.name);
        for source in &function.sources {
            let Source::Queue(source) = source else { continue };
            let queue = stack.queues.iter().find(|queue| queue.name == source.queue).expect("checked");
            let visibility = queue.attributes.visibility;
            assert!(
                visibility >= 6 * function.timeout,
                "{} hands out messages that are still in work",
                queue.name
            );
            assert!(queue.attributes.redrive.is_some(), "{} needs a dead-letter queue", queue.name);
            assert!(source.reports_failures, "one bad message must not repeat its batch: {}", queue.name);
        }
    }
}

#[test]
fn a_function_may_read_the_secrets_that_it_is_given_and_no_others() {
    // Who speaks to gateways reads what organisers entered, which no variable can name.
    const SPEAK_TO_GATEWAYS: [&str; 3] = ["purchases", "webhooks", "settler"];
    for stage in ["local", "production"] {
        for function in the_stack(stage).functions {
            let mut given: Vec<_> =
                function.env.values().filter(|value| value.contains(":secret:")).cloned().collect();
            let read = function.statements.iter().filter(|s| s.actions == ["secretsmanager:GetSecretValue"]);
            let mut may_read: Vec<_> = read.flat_map(|statement| statement.resources.clone()).collect();
            let entered = format!(":secret:taquilla/{stage}/gateway/*");
            let all = may_read.len();
            may_read.retain(|resource| !resource.ends_with(&entered));
            let speaks = SPEAK_TO_GATEWAYS.contains(&function.name.as_str());
            assert_eq!(all - may_read.len(), usize::from(speaks), "{} in {stage}", function.name);
            given.sort();
            may_read.sort();
            assert_eq!(given, may_read, "{} in {stage}", function.name);
        }
    }
}

#[test]
fn production_knows_no_sandbox() {
    let variables =
        |stage| the_stack(stage).functions.into_iter().flat_map(|function| function.env).collect::<Vec<_>>();
    let sandboxed = |(name, _): &&(String, String)| name.starts_with("SANDBOX_");
    assert_eq!(variables("production").iter().filter(sandboxed).count(), 0);
    assert!(variables("staging").iter().filter(sandboxed).count() > 0);
}

#[test]
fn the_table_keeps_its_shape() {
    let stack = the_stack("local");
    insta::assert_json_snapshot!(stack.tables[0].create, @r#"
    {
      "TableName": "taquilla-table",
      "AttributeDefinitions": [
        {
          "AttributeName": "PK",
          "AttributeType": "S"
        },
        {
          "AttributeName": "SK",
          "AttributeType": "S"
        },
        {
          "AttributeName": "GSI1PK",
          "AttributeType": "S"
        },
        {
          "AttributeName": "GSI1SK",
          "AttributeType": "S"
        }
      ],
      "KeySchema": [
        {
          "AttributeName": "PK",
          "KeyType": "HASH"
        },
        {
          "AttributeName": "SK",
          "KeyType": "RANGE"
        }
      ],
      "GlobalSecondaryIndexes": [
        {
          "IndexName": "GSI1",
          "KeySchema": [
            {
              "AttributeName": "GSI1PK",
              "KeyType": "HASH"
            },
            {
              "AttributeName": "GSI1SK",
              "KeyType": "RANGE"
            }
          ],
          "Projection": {
            "ProjectionType": "KEYS_ONLY"
          }
        }
      ],
      "BillingMode": "PAY_PER_REQUEST",
      "StreamSpecification": {
        "StreamEnabled": true,
        "StreamViewType": "NEW_AND_OLD_IMAGES"
      }
    }
    "#);
    assert_eq!(stack.tables[0].ttl.as_deref(), Some("ttl"));
}

#[test]
fn the_watch_router_sends_each_route_to_its_function() {
    let template = Template::repository().expect("it is a template");
    let route = |method: &str, path: &str| Route { method: method.to_owned(), path: path.to_owned() };
    let events = ["GET", "PATCH"].map(|method| route(method, "/api/v1/events/{id}"));
    let operations = BTreeMap::from([("events".to_owned(), events.to_vec())]);
    let router = template.watch_router(&operations).expect("complete");
    assert!(router.contains(
        "\"/api/v1/promotions/{code}\" = [{ method = \"DELETE\", function = \"pricing\" }, { method = \"GET\", function = \"pricing\" }, \
         { method = \"HEAD\", function = \"pricing\" }, { method = \"PATCH\", function = \"pricing\" }]\n"
    ), "{router}");
    assert!(router.contains(
        "\"/api/v1/events/{id}\" = [{ method = \"GET\", function = \"events\" }, { method = \"HEAD\", function = \"events\" }, \
         { method = \"PATCH\", function = \"events\" }]\n"
    ), "{router}");
    let stack = template.outline().expect("complete");
    let named = stack.routes().keys().filter(|route| route.greedy_prefix().is_none()).count();
    assert_eq!(router.matches("method = ").count(), named + 3);
}

#[test]
fn events_of_mails_go_to_the_webhook() {
    let stack = the_stack("local");
    let topic = "arn:aws:sns:us-east-1:000000000000:taquilla-mail-events".to_owned();
    let events = ["send", "delivery", "bounce", "complaint", "reject"].map(str::to_owned).into();
    let destination = EventDestination { events, topic: topic.clone() };
    let name = "taquilla-mail-configuration".to_owned();
    assert_eq!(stack.configuration_sets, [ConfigurationSet { name, destinations: vec![destination] }]);
    let endpoint = "x/api/v1/webhooks/ses".to_owned();
    assert_eq!(stack.subscriptions, [Subscription { topic, endpoint }]);
    let raw = "  Topic: {Type: AWS::SNS::Topic}\n  Hook:\n    Type: AWS::SNS::Subscription\n    Properties: \
               {TopicArn: !Ref Topic, Protocol: https, Endpoint: \"https://x\", RawMessageDelivery: true}\n";
    assert!(self::stack(raw).expect_err("refused").problem.contains("without a signature"));
}

#[test]
fn buckets_answer_over_tls_only() {
    let template = Template::repository().expect("it is a template");
    let refused_without_tls: Vec<String> = template
        .of_kind("AWS::S3::BucketPolicy")
        .filter(|(_, policy)| {
            let text = serde_yaml_ng::to_string(&policy.properties).expect("YAML");
            text.contains("Effect: Deny") && text.contains("aws:SecureTransport: 'false'")
        })
        .map(|(id, _)| id.to_owned())
        .collect();
    let policies: Vec<String> =
        template.of_kind("AWS::S3::Bucket").map(|(id, _)| format!("{id}Policy")).collect();
    assert_eq!(refused_without_tls, policies);
}

#[test]
fn the_own_key_encrypts_everything_that_keeps_data() {
    let template = Template::repository().expect("it is a template");
    let kinds = [
        "AWS::DynamoDB::Table",
        "AWS::S3::Bucket",
        "AWS::SQS::Queue",
        "AWS::SecretsManager::Secret",
        "AWS::Logs::LogGroup",
    ];
    let stores = kinds.iter().flat_map(|kind| template.of_kind(kind));
    let without: Vec<&str> = stores
        .filter(|(_, store)| {
            !serde_yaml_ng::to_string(&store.properties).expect("YAML").contains("!GetAtt Key.Arn")
        })
        .map(|(id, _)| id)
        .collect();
    assert_eq!(without, [] as [&str; 0]);
}
