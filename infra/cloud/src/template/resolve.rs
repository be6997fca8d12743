use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json};
use serde_yaml_ng::Value;
use serde_yaml_ng::value::TaggedValue;

use super::{Resource, Surroundings, Template, TemplateError, local_name};
use crate::services::{ACCOUNT, REGION};

/// Conditions and nested functions deeper than this are a loop.
const DEPTH: usize = 32;

/// What `!Ref` to a secret stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Secrets {
    /// Its value, which functions on Lambda fetch by the ARN at start.
    Values,
    /// Its ARN, as policies name it.
    Arns,
}

/// Evaluates the template's intrinsic functions with the names of this machine.
#[derive(Clone, Copy)]
pub(super) struct Resolver<'a> {
    pub(super) template: &'a Template,
    pub(super) surroundings: &'a Surroundings,
    pub(super) secrets: Secrets,
    /// The resource that errors name.
    pub(super) place: &'a str,
}

impl Template {
    /// What `read` makes of the resources of this kind that exist in these `surroundings`.
    pub(super) fn each<T>(
        &self,
        kind: &str,
        surroundings: &Surroundings,
        read: impl Fn(&Resolver, &str, &Resource) -> Result<T, TemplateError>,
    ) -> Result<Vec<T>, TemplateError> {
        let mut all = Vec::new();
        for (id, resource) in self.of_kind(kind) {
            let resolver = Resolver { template: self, surroundings, secrets: Secrets::Values, place: id };
            if resolver.exists(resource)? {
                all.push(read(&resolver, id, resource)?);
            }
        }
        Ok(all)
    }
}

impl<'a> Resolver<'a> {
    /// The value as a type that says what may be in it.
    pub(super) fn read<T: DeserializeOwned>(&self, value: Json) -> Result<T, TemplateError> {
        T::deserialize(value).map_err(|error| self.error(error.to_string()))
    }

    pub(super) fn error(&self, problem: impl Into<String>) -> TemplateError {
        TemplateError::new(self.place, problem)
    }

    /// The value without functions; `null` where the template says `AWS::NoValue`.
    pub(super) fn json(&self, value: &Value) -> Result<Json, TemplateError> {
        Ok(self.value(value, 0)?.unwrap_or(Json::Null))
    }

    /// Whether the resource exists at all.
    pub(super) fn exists(&self, resource: &Resource) -> Result<bool, TemplateError> {
        resource.condition.as_deref().map_or(Ok(true), |name| self.named_condition(name, 0))
    }

    /// `None` is `AWS::NoValue`: whoever holds the value leaves it out.
    fn value(&self, value: &Value, depth: usize) -> Result<Option<Json>, TemplateError> {
        if depth > DEPTH {
            return Err(self.error("is nested too deeply, or refers to itself"));
        }
        Ok(Some(match value {
            Value::Null => Json::Null,
            Value::Bool(value) => Json::from(*value),
            Value::Number(number) => self.number(number)?,
            Value::String(text) => Json::from(text.as_str()),
            Value::Sequence(items) => {
                let items = items.iter().filter_map(|item| self.value(item, depth + 1).transpose());
                Json::Array(items.collect::<Result<_, _>>()?)
            }
            Value::Mapping(entries) => {
                let mut map = Map::new();
                for (key, value) in entries {
                    let key = key.as_str().ok_or_else(|| self.error("has a key that is not text"))?;
                    if key == "Ref" || key.starts_with("Fn::") {
                        return Err(
                            self.error(format!("uses `{key}:`; write the short form, such as `!Ref`"))
                        );
                    }
                    if let Some(value) = self.value(value, depth + 1)? {
                        map.insert(key.to_owned(), value);
                    }
                }
                Json::Object(map)
            }
            Value::Tagged(tagged) => return self.function(tagged, depth),
        }))
    }

    fn number(&self, number: &serde_yaml_ng::Number) -> Result<Json, TemplateError> {
        number
            .as_i64()
            .map(Json::from)
            .or_else(|| number.as_f64().map(Json::from))
            .ok_or_else(|| self.error(format!("has the number {number}, which is out of range")))
    }

    fn function(&self, tagged: &TaggedValue, depth: usize) -> Result<Option<Json>, TemplateError> {
        let name = tagged.tag.to_string();
        let argument = &tagged.value;
        let text = || argument.as_str().ok_or_else(|| self.error(format!("{name} must be followed by text")));
        match name.as_str() {
            "!Ref" => match text()? {
                "AWS::NoValue" => Ok(None),
                id => self.reference(id).map(|text| Some(text.into())),
            },
            "!GetAtt" => {
                let (id, attribute) = text()?
                    .split_once('.')
                    .ok_or_else(|| self.error("!GetAtt must name a resource and an attribute"))?;
                self.attribute(id, attribute).map(|text| Some(text.into()))
            }
            "!Sub" => self.substitute(text()?).map(|text| Some(text.into())),
            "!If" => {
                let [condition, yes, no] = self.list(&name, argument)?;
                let condition = condition
                    .as_str()
                    .ok_or_else(|| self.error("!If must begin with the name of a condition"))?;
                let chosen = if self.named_condition(condition, depth + 1)? { yes } else { no };
                self.value(chosen, depth + 1)
            }
            _ => Err(self.error(format!("uses {name}, which the local cloud does not know"))),
        }
    }

    fn list<'v, const N: usize>(
        &self,
        name: &str,
        value: &'v Value,
    ) -> Result<&'v [Value; N], TemplateError> {
        value
            .as_sequence()
            .and_then(|items| items.as_slice().try_into().ok())
            .ok_or_else(|| self.error(format!("{name} takes a list of {N}")))
    }

    fn named_condition(&self, name: &str, depth: usize) -> Result<bool, TemplateError> {
        let condition = self
            .template
            .conditions
            .get(name)
            .ok_or_else(|| self.error(format!("needs the condition {name}, which does not exist")))?;
        self.condition(condition, depth + 1)
    }

    fn condition(&self, value: &Value, depth: usize) -> Result<bool, TemplateError> {
        if depth > DEPTH {
            return Err(self.error("has a condition that refers to itself"));
        }
        let Value::Tagged(tagged) = value else {
            return Err(self.error("has a condition without a function such as !Equals"));
        };
        let name = tagged.tag.to_string();
        let items = || {
            tagged
                .value
                .as_sequence()
                .ok_or_else(|| self.error(format!("{name} takes a list")))
                .map(|items| items.iter())
        };
        match name.as_str() {
            "!Equals" => {
                let [a, b] = self.list(&name, &tagged.value)?;
                Ok(self.value(a, depth + 1)? == self.value(b, depth + 1)?)
            }
            "!Not" => {
                let [inner] = self.list(&name, &tagged.value)?;
                Ok(!self.condition(inner, depth + 1)?)
            }
            "!And" => items()?.try_fold(true, |all, item| Ok(all && self.condition(item, depth + 1)?)),
            "!Or" => items()?.try_fold(false, |any, item| Ok(any || self.condition(item, depth + 1)?)),
            "!Condition" => self.named_condition(tagged.value.as_str().unwrap_or_default(), depth + 1),
            _ => Err(self.error(format!("has a condition with {name}, which the local cloud does not know"))),
        }
    }

    /// What `!Ref id` stands for.
    fn reference(&self, id: &str) -> Result<String, TemplateError> {
        if let Some(value) = pseudo_parameter(id) {
            return Ok(value.to_owned());
        }
        if let Some(value) = self.surroundings.parameters.get(id) {
            return Ok(value.clone());
        }
        if let Some(parameter) = self.template.parameters.get(id) {
            return match parameter.get("Default") {
                Some(Value::String(text)) => Ok(text.clone()),
                Some(Value::Number(number)) => Ok(number.to_string()),
                _ => {
                    Err(self
                        .error(format!("needs the parameter {id}, which has neither a value nor a default")))
                }
            };
        }
        let resource = self.resource(id)?;
        match resource.kind.as_str() {
            "AWS::SQS::Queue" => {
                Ok(format!("{}/{ACCOUNT}/{}", self.surroundings.endpoint, self.name(id, resource)?))
            }
            "AWS::SNS::Topic" => Ok(format!("arn:aws:sns:{REGION}:{ACCOUNT}:{}", self.name(id, resource)?)),
            "AWS::SecretsManager::Secret" if self.secrets == Secrets::Arns => {
                Ok(format!("arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{}", local_name(id)))
            }
            "AWS::SecretsManager::Secret" => self
                .surroundings
                .secrets
                .get(id)
                .cloned()
                .ok_or_else(|| self.error(format!("needs the secret {id}, which has no value here"))),
            _ => self.name(id, resource),
        }
    }

    /// What `!GetAtt id.attribute` stands for.
    fn attribute(&self, id: &str, attribute: &str) -> Result<String, TemplateError> {
        let resource = self.resource(id)?;
        let name = self.name(id, resource)?;
        match (resource.kind.as_str(), attribute) {
            ("AWS::SQS::Queue", "Arn") => Ok(format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}")),
            ("AWS::SQS::Queue", "QueueName") => Ok(name),
            ("AWS::DynamoDB::Table", "Arn") => Ok(table_arn(&name)),
            ("AWS::DynamoDB::Table", "StreamArn") => Ok(format!("{}/stream/local", table_arn(&name))),
            ("AWS::S3::Bucket", "Arn") => Ok(format!("arn:aws:s3:::{name}")),
            (kind, _) => Err(self
                .error(format!("needs {id}.{attribute} of a {kind}, which the local cloud does not have"))),
        }
    }

    /// The name that the template gives a resource, else the local one.
    pub(super) fn name(&self, id: &str, resource: &Resource) -> Result<String, TemplateError> {
        let property = match resource.kind.as_str() {
            "AWS::SQS::Queue" => "QueueName",
            "AWS::DynamoDB::Table" => "TableName",
            "AWS::S3::Bucket" => "BucketName",
            "AWS::SES::ConfigurationSet" => "Name",
            "AWS::SNS::Topic" => "TopicName",
            _ => return Ok(local_name(id)),
        };
        match resource.properties.get(property) {
            Some(name) => match self.json(name)? {
                Json::String(name) => Ok(name),
                _ => Err(self.error(format!("the {property} of {id} must be text"))),
            },
            None => Ok(local_name(id)),
        }
    }

    fn resource(&self, id: &str) -> Result<&'a Resource, TemplateError> {
        self.template
            .resources
            .get(id)
            .ok_or_else(|| self.error(format!("refers to {id}, which is neither a resource nor a parameter")))
    }

    fn substitute(&self, text: &str) -> Result<String, TemplateError> {
        let mut result = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) =
                after.split_once('}').ok_or_else(|| self.error("has a !Sub whose ${ has no end"))?;
            result.push_str(before);
            result.push_str(&match name.split_once('.') {
                Some((id, attribute)) => self.attribute(id, attribute)?,
                None => self.reference(name)?,
            });
            rest = after;
        }
        result.push_str(rest);
        Ok(result)
    }
}

fn table_arn(name: &str) -> String {
    format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}")
}

fn pseudo_parameter(id: &str) -> Option<&'static str> {
    Some(match id {
        "AWS::AccountId" => ACCOUNT,
        "AWS::Partition" => "aws",
        "AWS::Region" => REGION,
        "AWS::StackName" => "taquilla",
        "AWS::URLSuffix" => "amazonaws.com",
        _ => return None,
    })
}
