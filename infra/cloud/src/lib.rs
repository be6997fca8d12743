//! What AWS does for the functions, done on one machine: Lambda, API Gateway, DynamoDB
//! with its streams, SQS, SES, SNS, S3, Secrets Manager and IAM, as a SAM template
//! configures them, and the faults that the real ones have, too; and what functions see of the
//! rest of the internet.
//!
//! It must not know what is sold: no tickets, no orders, no table but the one that the
//! template describes, no function by its name. Of the box office it uses how a function
//! starts (`boot`), how a failure is answered (`web`, with the error and the ids of
//! `domain`), and the message of SNS as its receiver reads it (`mail_events`).

pub mod api_gateway;
pub mod iam;
pub mod journal;
pub mod lambda;
pub mod mappings;
pub mod private;
pub mod services;
pub mod template;
