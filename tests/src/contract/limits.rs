//! AWS's limits on one stack, counted before a deployment meets them.
//!
//! Both counts grow with every route: a deployment that goes over fails at its very end,
//! and splitting an API or a stack that sells tickets takes weeks. At 90 % there is still
//! time to do it.
//!
//! What SAM makes of the template (`sam-translator`'s rules for what we use):
//!
//! | In the template | In the stack |
//! |---|---|
//! | `Serverless::Function` | the function and its role |
//! | its event `HttpApi` | a permission; route and integration are lines of the API's body |
//! | its event `SQS` or `DynamoDB` | an event source mapping |
//! | its event `Schedule` | a rule and a permission |
//! | `Serverless::HttpApi` | the API and its stage |
//! | any other resource | itself, whether or not its condition holds |
//!
//! When this was written: 117 routes and 204 resources.

use std::fs;
use std::path::Path;

use serde_yaml_ng::Value;

/// Routes of an HTTP API, and integrations, of which each route has its own
/// (API Gateway, "Quotas for configuring and running an HTTP API").
const MAX_ROUTES: usize = 300;
/// Resources of a stack, after the transform (CloudFormation, "Understand quotas").
const MAX_RESOURCES: usize = 500;

/// The parts of a stack that are limited.
#[derive(Debug, Default, PartialEq, Eq)]
struct Size {
    routes: usize,
    resources: usize,
}

impl Size {
    /// Counts a template. Panics at parts that SAM expands in a way that is not known here.
    fn of(template: &Value) -> Self {
        let mut size = Self::default();
        let resources = template["Resources"].as_mapping().expect("resources");
        for (id, resource) in resources {
            let kind = resource["Type"].as_str().expect("a type");
            size.resources += match kind {
                "AWS::Serverless::Function" | "AWS::Serverless::HttpApi" => 2,
                _ if kind.starts_with("AWS::Serverless::") => panic!("{id:?}: how many resources is {kind}?"),
                _ => 1,
            };
            if kind != "AWS::Serverless::Function" {
                continue;
            }
            let properties = &resource["Properties"];
            for further in ["AutoPublishAlias", "DeadLetterQueue", "EventInvokeConfig", "FunctionUrlConfig"] {
                assert!(properties.get(further).is_none(), "{id:?}: count what SAM makes of {further}");
            }
            for (name, event) in properties["Events"].as_mapping().into_iter().flatten() {
                let (routes, resources) = match event["Type"].as_str().expect("a type") {
                    "HttpApi" => (1, 1),
                    "SQS" | "DynamoDB" => (0, 1),
                    "Schedule" => (0, 2),
                    kind => panic!("{id:?}, {name:?}: how many resources is an event {kind}?"),
                };
                size.routes += routes;
                size.resources += resources;
            }
        }
        size
    }
}

/// The complaint, if a count is at 90 % of its limit or above.
fn complaint(what: &str, count: usize, limit: usize) -> Option<String> {
    let near = 10 * count >= 9 * limit;
    near.then(|| {
        format!(
            "The stack has {count} {what} of the {limit} that AWS allows. Move functions into a stack (or an API) \
             of their own before it is full: a deployment that goes over fails. How it is counted stands in \
             tests/src/contract/limits.rs."
        )
    })
}

#[test]
fn the_stack_is_far_from_the_limits_of_aws() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../template.yaml");
    let text = fs::read_to_string(&path).expect("the template");
    let size = Size::of(&serde_yaml_ng::from_str(&text).expect("YAML"));
    // A count that finds nothing would pass.
    assert!(size.routes > 50 && size.resources > size.routes, "{size:?}");
    let complaints =
        [complaint("routes", size.routes, MAX_ROUTES), complaint("resources", size.resources, MAX_RESOURCES)];
    let complaints: Vec<String> = complaints.into_iter().flatten().collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn resources_are_counted_as_sam_expands_them() {
    let template = "
Resources:
  Api: {Type: AWS::Serverless::HttpApi}
  Queue: {Type: AWS::SQS::Queue}
  Key: {Type: AWS::KMS::Key, Condition: HasOwnKey}
  Buy:
    Type: AWS::Serverless::Function
    Properties:
      Events:
        Read: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: ANY, Path: /}}
        Write: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: POST, Path: /}}
        Work: {Type: SQS, Properties: {Queue: !GetAtt Queue.Arn}}
        Hourly: {Type: Schedule, Properties: {Schedule: rate(1 hour)}}
";
    let size = Size::of(&serde_yaml_ng::from_str(template).expect("YAML"));
    // The API 2, queue and key 2, the function 2, its events 1 + 1 + 1 + 2.
    assert_eq!(size, Size { routes: 2, resources: 11 });
}

#[test]
fn a_stack_at_90_percent_of_a_limit_is_reported() {
    assert_eq!(complaint("routes", 269, MAX_ROUTES), None);
    assert!(complaint("routes", 270, MAX_ROUTES).is_some_and(|text| text.contains("270 routes of the 300")));
    assert_eq!(complaint("resources", 449, MAX_RESOURCES), None);
    assert!(complaint("resources", 450, MAX_RESOURCES).is_some());
}
