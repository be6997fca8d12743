//! What the template says about SES's events and who hears of them.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::{Subscription, Surroundings, Template, TemplateError};
use crate::services::{ConfigurationSet, EventDestination};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct DestinationProperties {
    configuration_set_name: String,
    event_destination: Destination,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Destination {
    #[serde(rename = "Name")]
    _name: String,
    enabled: bool,
    matching_event_types: BTreeSet<String>,
    sns_destination: SnsDestination,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SnsDestination {
    #[serde(rename = "TopicARN")]
    topic: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SubscriptionProperties {
    topic_arn: String,
    protocol: String,
    endpoint: String,
    /// Then there is no signature to check.
    #[serde(default)]
    raw_message_delivery: bool,
}

pub(super) fn configuration_sets(
    template: &Template,
    surroundings: &Surroundings,
) -> Result<Vec<ConfigurationSet>, TemplateError> {
    let kind = "AWS::SES::ConfigurationSetEventDestination";
    let destinations = template.each(kind, surroundings, |resolver, _, resource| {
        resolver.read::<DestinationProperties>(resolver.json(&resource.properties)?)
    })?;
    template.each("AWS::SES::ConfigurationSet", surroundings, |resolver, id, resource| {
        let name = resolver.name(id, resource)?;
        let own = destinations.iter().filter(|of| of.configuration_set_name == name);
        let own = own.map(|of| &of.event_destination).filter(|destination| destination.enabled);
        let destinations = own.map(|destination| EventDestination {
            events: destination.matching_event_types.clone(),
            topic: destination.sns_destination.topic.clone(),
        });
        Ok(ConfigurationSet { destinations: destinations.collect(), name })
    })
}

pub(super) fn subscriptions(
    template: &Template,
    surroundings: &Surroundings,
) -> Result<Vec<Subscription>, TemplateError> {
    let all = template.each("AWS::SNS::Subscription", surroundings, |resolver, _, resource| {
        let of: SubscriptionProperties = resolver.read(resolver.json(&resource.properties)?)?;
        if of.raw_message_delivery {
            return Err(resolver.error("uses RawMessageDelivery, which sends messages without a signature"));
        }
        Ok(of)
    })?;
    // Alarms go to people by e-mail, and there are none here.
    let over_http = all.into_iter().filter(|of| of.protocol == "https");
    Ok(over_http.map(|of| Subscription { topic: of.topic_arn, endpoint: of.endpoint }).collect())
}
