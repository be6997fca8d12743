//! The AWS services of the local cloud, on one loopback address: DynamoDB with
//! its streams, SQS, SES v2, SNS, S3 and Secrets Manager, for the unchanged AWS SDK
//! clients. What functions see of the rest of the internet is there, too.
//!
//! They share a [`Meter`] that counts what DynamoDB calls cost and a [`Chaos`]
//! that makes them misbehave. The event source mappings of the local cloud work
//! in the same process and use [`Sqs`] and [`Dynamodb`] without HTTP. The clients of
//! functions in the same process speak HTTP, but need no connection
//! ([`Services::client`]).

mod chaos;
mod dynamodb;
mod guard;
mod inside;
mod internet;
pub(crate) mod life;
mod mailbox;
mod meter;
mod reply;
mod s3;
pub(crate) mod secretsmanager;
mod ses;
mod ses_events;
pub mod sns;
mod sqs;
#[cfg(test)]
mod testing;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::serve::ListenerExt;
use boot::Clock;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, oneshot};
use tokio::task::JoinHandle;

pub use self::chaos::{Ambush, Chaos, Crash, FaultRates, Halt, Mishap, Rendezvous, Spot};
pub use self::dynamodb::{Checkpoint, Dynamodb, checkpoint};
pub use self::guard::{Call, Denied, Guard};
pub use self::internet::{Internet, WebPage};
pub use self::mailbox::{Attachment, MOST_MAILS, Mail, MailOutcome, Mailbox};
pub use self::meter::{Meter, Reading, Usage};
use self::reply::Reply;
pub use self::s3::{ObjectInfo, S3};
use self::secretsmanager::SecretsManager;
use self::ses::Ses;
use self::ses_events::Events;
pub use self::ses_events::{ConfigurationSet, EventDestination};
use self::sns::Sns;
pub use self::sqs::{
    Attributes as QueueAttributes, Depth, MOST_MESSAGES, Message, MessageAttribute, Redrive, Sqs, SqsError,
};

/// The account in every ARN.
pub const ACCOUNT: &str = "000000000000";
/// The region in every ARN.
pub const REGION: &str = "us-east-1";

/// The secret access key of every caller, whatever the access key. It only has
/// to make presigned URLs verifiable: whoever reaches the services is on this
/// machine and believed.
pub const SECRET_ACCESS_KEY: &str = "local";

/// How long open requests may take after [`Services::stop`].
const PATIENCE: Duration = Duration::from_secs(2);

/// What the services need.
pub struct ServicesConfig {
    /// The listener they answer on; on loopback, because callers are believed.
    pub listener: TcpListener,
    /// The folder that keeps tables, queues, mailbox, objects and secrets, which must
    /// exist; without one they are in memory. Two processes must not share it.
    pub data_dir: Option<PathBuf>,
    /// What makes them misbehave.
    pub chaos: Chaos,
    /// The time.
    pub clock: Clock,
}

/// Why the services do not start, or cannot make what they were asked to.
#[derive(Debug, thiserror::Error)]
pub enum ServicesError {
    /// The listener, or a file of the data folder.
    #[error("local AWS services: {0}")]
    Io(#[from] std::io::Error),
    /// The database, or a request to make a table.
    #[error("local DynamoDB: {0}")]
    Dynamodb(#[from] dynoxide::DynoxideError),
    /// A request to make a queue.
    #[error("local SQS: {0}")]
    Sqs(#[from] SqsError),
}

/// The running services.
pub struct Services {
    endpoint: String,
    parts: Parts,
    chaos: Chaos,
    mailbox: Mailbox,
    running: Mutex<Option<Running>>,
}

struct Running {
    shutdown: oneshot::Sender<()>,
    server: JoinHandle<()>,
    sweeper: JoinHandle<()>,
}

/// What a request is handed to.
#[derive(Clone)]
struct Parts {
    dynamodb: Dynamodb,
    sqs: Sqs,
    ses: Ses,
    events: Events,
    sns: Sns,
    s3: S3,
    secrets: SecretsManager,
    internet: Internet,
    gate: guard::Gate,
}

impl Services {
    /// Opens the data folder and starts to answer.
    ///
    /// # Errors
    /// If the listener has no address, or a file of the data folder cannot be
    /// opened or is damaged.
    pub async fn start(config: ServicesConfig) -> Result<Self, ServicesError> {
        let ServicesConfig { listener, data_dir, chaos, clock } = config;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let sns = Sns::new(chaos.clone(), clock.clone());
        let opened = {
            let (chaos, endpoint, sns) = (chaos.clone(), endpoint.clone(), sns.clone());
            // Opening reads files and builds indexes.
            tokio::task::spawn_blocking(move || {
                let file = |name: &str| data_dir.as_ref().map(|folder| folder.join(name));
                let mailbox = Mailbox::open(file("mailbox.jsonl").as_deref())?;
                let queues = file("queues.jsonl");
                let events = Events::new(sns.clone());
                let parts = Parts {
                    dynamodb: Dynamodb::open(
                        file("dynamodb.sqlite").as_deref(),
                        REGION,
                        chaos.clone(),
                        clock.clone(),
                    )?,
                    sqs: Sqs::open(queues.as_deref(), REGION, &endpoint, chaos.clone(), clock.clone())?,
                    ses: Ses::new(mailbox.clone(), events.clone(), chaos.clone(), clock.clone()),
                    events,
                    sns,
                    s3: S3::open(file("objects"), SECRET_ACCESS_KEY, clock.clone())?,
                    secrets: SecretsManager::open(file("secretsmanager.json"), chaos, clock)?,
                    internet: Internet::default(),
                    gate: guard::Gate::default(),
                };
                Ok::<_, ServicesError>((parts, mailbox))
            })
        };
        let (parts, mailbox) = opened.await.map_err(std::io::Error::other)??;

        let (shutdown, stopped) = oneshot::channel::<()>();
        let router = Router::new().fallback(arrived).with_state(parts.clone());
        // Requests and answers are small; without this, each could wait for the
        // other side's delayed acknowledgement.
        let listener = listener.tap_io(|connection| {
            if let Err(error) = connection.set_nodelay(true) {
                tracing::debug!(%error, "a connection keeps Nagle's algorithm");
            }
        });
        let server = tokio::spawn(async move {
            let until = async {
                let _ = stopped.await;
            };
            if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(until).await {
                tracing::error!(%error, "the local AWS services stopped answering");
            }
        });
        let sweeper = tokio::spawn(parts.dynamodb.clone().keep_swept());
        let running = Mutex::new(Some(Running { shutdown, server, sweeper }));
        Ok(Self { endpoint, parts, chaos, mailbox, running })
    }

    /// The address of the services: `http://127.0.0.1:` and the port.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// What AWS's clients in this process reach the services with, instead of a
    /// connection to the endpoint. What is asked is checked, counted and answered
    /// in the same way.
    pub fn client(&self) -> SharedHttpClient {
        inside::client(self.parts.clone())
    }

    /// Makes a table from a `CreateTable` request. Does nothing if there is one
    /// of this name.
    ///
    /// # Errors
    /// If DynamoDB would refuse the request.
    pub async fn create_table(&self, request: Value) -> Result<(), ServicesError> {
        Ok(self.parts.dynamodb.create_table(request).await?)
    }

    /// Makes a queue, or gives the one of this name these attributes, which are
    /// those of `CreateQueue`. Tells its URL.
    ///
    /// # Errors
    /// If SQS would refuse the name or an attribute.
    pub fn create_queue(
        &self,
        name: &str,
        attributes: &BTreeMap<String, String>,
    ) -> Result<String, ServicesError> {
        Ok(self.parts.sqs.create_queue(name, QueueAttributes::read(attributes)?)?)
    }

    /// Makes a bucket. Does nothing if it exists.
    ///
    /// # Errors
    /// If S3 would refuse the name, or its folder cannot be made.
    pub async fn create_bucket(&self, name: &str) -> Result<(), ServicesError> {
        Ok(self.parts.s3.create_bucket(name).await?)
    }

    /// Lets `guard` refuse calls from now on.
    pub fn set_guard(&self, guard: Guard) {
        self.parts.gate.set(guard);
    }

    /// DynamoDB: to read streams.
    pub fn dynamodb(&self) -> &Dynamodb {
        &self.parts.dynamodb
    }

    /// SQS: to poll queues.
    pub fn sqs(&self) -> &Sqs {
        &self.parts.sqs
    }

    /// S3: to read objects.
    pub fn s3(&self) -> &S3 {
        &self.parts.s3
    }

    /// What other hosts and DNS say.
    pub fn internet(&self) -> &Internet {
        &self.parts.internet
    }

    /// Tells SES its configuration sets.
    pub fn set_configuration_sets(&self, sets: Vec<ConfigurationSet>) {
        self.parts.events.set(sets);
    }

    /// SNS: to subscribe.
    pub fn sns(&self) -> &Sns {
        &self.parts.sns
    }

    /// What was sent by e-mail.
    pub fn mailbox(&self) -> &Mailbox {
        &self.mailbox
    }

    /// What DynamoDB calls cost.
    pub fn meter(&self) -> &Meter {
        self.parts.dynamodb.meter()
    }

    /// What makes the services misbehave.
    pub fn chaos(&self) -> &Chaos {
        &self.chaos
    }

    /// Ends long polls, finishes open requests (within two seconds), and closes
    /// the database. A second call does nothing.
    pub async fn stop(&self) {
        let Some(Running { shutdown, mut server, sweeper }) = self.running.lock().await.take() else {
            return;
        };
        sweeper.abort();
        self.parts.sqs.stop();
        self.parts.sns.stop();
        let _ = shutdown.send(());
        if tokio::time::timeout(PATIENCE, &mut server).await.is_err() {
            server.abort();
        }
        self.parts.dynamodb.stop().await;
    }
}

/// A request came to the port.
async fn arrived(State(parts): State<Parts>, request: Request) -> Response {
    answer(&parts, request).await
}

/// Hands a request to the service that it is for.
async fn answer(parts: &Parts, request: Request) -> Response {
    let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok());
    let (service, operation) = target.and_then(|target| target.split_once('.')).unwrap_or_default();
    let (service, limit) = match service {
        "DynamoDB_20120810" | "DynamoDBStreams_20120810" => (Service::Dynamodb, dynamodb::MOST_BYTES),
        // A batch's framing and the escapes of its text need room.
        "AmazonSQS" => (Service::Sqs, 8 * sqs::MOST_BYTES),
        "secretsmanager" => (Service::Secrets, secretsmanager::MOST_BYTES),
        "" if request.uri().path().starts_with("/v2/email/") => (Service::Ses, 2 * ses::MOST_BYTES),
        "" if request.uri().path().starts_with(internet::PREFIX) => {
            return parts.internet.answer(request).await;
        }
        "" => {
            if let Some(answer) = parts.sns.answer(request.uri().path(), request.uri().query()) {
                return answer;
            }
            let (head, body) = request.into_parts();
            return match parts.gate.refuse("s3", head.method.as_str(), &head, &[]) {
                Some(refusal) => refusal,
                None => parts.s3.answer(Request::from_parts(head, body)).await,
            };
        }
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    if !request.headers().contains_key(header::AUTHORIZATION) {
        // A web page can send a request here, but cannot sign it.
        let body = json!({ "__type": "MissingAuthenticationTokenException", "message": "Missing Authentication Token" });
        return Reply::json(403, &body).into_response("application/x-amz-json-1.0");
    }
    let operation = operation.to_owned();
    let (head, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, limit).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let (name, called) = match service {
        Service::Dynamodb => ("dynamodb", operation.as_str()),
        Service::Sqs => ("sqs", operation.as_str()),
        Service::Secrets => ("secretsmanager", operation.as_str()),
        Service::Ses => ("ses", "SendEmail"),
    };
    if let Some(refusal) = parts.gate.refuse(name, called, &head, &body) {
        return refusal;
    }
    match service {
        Service::Dynamodb => {
            let caller = guard::caller(&head).unwrap_or_default();
            parts.dynamodb.answer(caller, &operation, &body).await.into_response("application/x-amz-json-1.0")
        }
        Service::Sqs => parts.sqs.answer(&operation, &body).await.into_response("application/x-amz-json-1.0"),
        Service::Secrets => {
            let caller = guard::caller(&head).unwrap_or_default();
            parts.secrets.answer(caller, &operation, &body).await.into_response("application/x-amz-json-1.1")
        }
        Service::Ses => {
            parts.ses.answer(&head.method, head.uri.path(), &body).into_response("application/json")
        }
    }
}

enum Service {
    Dynamodb,
    Sqs,
    Secrets,
    Ses,
}
