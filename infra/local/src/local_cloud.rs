//! The whole box office in one process.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt;
use boot::{Boot, Clock, ConfigError, Env, Secret};
use cloud::api_gateway;
use cloud::iam::Roles;
use cloud::lambda::{Lambda, Registry};
use cloud::mappings::{self, Mappings, NotIdle};
use cloud::services::{Chaos, Internet, REGION, SECRET_ACCESS_KEY, Services, ServicesConfig};
use cloud::template::{Function, Stack, Surroundings, Template};
use demo::Logins;
use gateways::{GatewayUrls, Gateways, Simulator, sandbox};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::folder::{Folder, FolderError};
use crate::{mailbox, secrets};

/// The address of the operator of every local box office.
pub const OPERATOR: &str = "operadora@example.com";

/// How long requests that are being answered may go on when everything stops.
const FAREWELL: Duration = Duration::from_millis(500);

/// How a local cloud runs.
pub struct Options {
    /// The template.
    pub template: Template,
    /// The code of the template's functions.
    pub registry: Registry,
    /// The folder of the state; `None` keeps it in memory.
    pub data_dir: Option<PathBuf>,
    /// Forgets what the folder holds.
    pub fresh: bool,
    /// Writes the demo data into a table that does not have it.
    pub seed: bool,
    /// The public port; the sandbox gateway, the AWS services, and the simulations of
    /// Mercado Pago, Wompi and PayU take the next five. Zero takes any that are free.
    pub port: u16,
    /// What goes wrong.
    pub chaos: Chaos,
    /// The time.
    pub clock: Clock,
    /// A failed message is delivered again after so long, instead of when its
    /// visibility timeout ends. For tests and chaos, where minutes are too long.
    pub retry_after: Option<Duration>,
    /// Values of the template's parameters, besides those that follow from where
    /// this runs.
    pub parameters: BTreeMap<String, String>,
}

impl Options {
    /// A cloud in memory, without faults, on any free ports.
    pub fn new(template: Template, registry: Registry) -> Self {
        Self {
            template,
            registry,
            data_dir: None,
            fresh: false,
            seed: false,
            port: 0,
            chaos: Chaos::default(),
            clock: Clock::system(),
            retry_after: None,
            parameters: BTreeMap::new(),
        }
    }
}

/// Why a local cloud does not start, in words for whoever started it.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Another program listens there.
    #[error("port {0} is taken, perhaps by another box office; stop it, or choose another port with --port")]
    PortTaken(u16),
    /// Another box office keeps its state there.
    #[error(
        "the folder {} is in use by another box office; stop it, or choose another folder with --data",
        .0.display()
    )]
    FolderTaken(PathBuf),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

/// Everything else that may go wrong at start, with what was being done.
fn while_doing<E: fmt::Display>(what: impl fmt::Display) -> impl FnOnce(E) -> StartError {
    move |error| StartError::Other(format!("{what}: {error}"))
}

/// A running box office.
pub struct Cloud {
    url: String,
    stack: Stack,
    environment: BTreeMap<String, String>,
    services: Services,
    roles: Arc<Roles>,
    clock: Clock,
    gateways: Arc<Gateways>,
    logins: Option<Logins>,
    mappings: Mappings,
    front: JoinHandle<()>,
    stopping: watch::Sender<bool>,
    _folder: Option<Folder>,
}

impl Cloud {
    /// Starts everything; when this returns, requests are answered.
    ///
    /// # Errors
    /// If the folder or a port is taken, or the template, the code and the
    /// configuration do not fit together.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let Options { template, registry, chaos, clock, .. } = options;
        let folder = open_folder(options.data_dir, options.fresh)?;
        let data_dir = folder.as_ref().map(|folder| folder.path().to_owned());
        let [public, sandbox, aws, mercado_pago, wompi, payu] = listeners(options.port).await?;

        let secrets =
            secrets::load(data_dir.as_deref(), template.secrets()).map_err(while_doing("secrets.json"))?;
        let (url, endpoint) = (url_of(&public)?, url_of(&aws)?);
        let gateway_urls = GatewayUrls {
            sandbox: &url_of(&sandbox)?,
            mercado_pago: &url_of(&mercado_pago)?,
            wompi: &url_of(&wompi)?,
            payu: &url_of(&payu)?,
        };
        let mut parameters = parameters(&url, gateway_urls, &secrets);
        let internet = Internet::parameters(&endpoint);
        parameters.extend(internet.map(|(name, value)| (name.to_owned(), value)));
        parameters.extend(options.parameters);
        let surroundings = Surroundings { parameters, secrets, endpoint };
        let stack = template.stack(&surroundings).map_err(|error| StartError::Other(error.to_string()))?;

        let services = Services::start(ServicesConfig {
            listener: aws,
            data_dir: data_dir.clone(),
            chaos: chaos.clone(),
            clock: clock.clone(),
        })
        .await
        .map_err(|error| StartError::Other(error.to_string()))?;
        provide(&stack, &services).await?;
        let roles = Arc::new(Roles::of(&stack));
        let guard = Arc::clone(&roles);
        services.set_guard(Box::new(move |call| guard.check(call)));
        let listeners = [sandbox, mercado_pago, wompi, payu];
        let folder_of_gateways = data_dir.as_ref().map(|folder| folder.join("gateways"));
        let gateways =
            Gateways::start(listeners, account_at_sandbox(&surroundings), folder_of_gateways, &clock)
                .await
                .map_err(while_doing("the simulated gateways"))?;

        let functions = start_functions(&stack, &registry, &clock, &services)?;
        let environment = shared_environment(&stack, &surroundings.endpoint);
        let demo = match options.seed {
            true => {
                demo::merchants(&url).into_iter().for_each(|merchant| gateways.admit(merchant));
                let (name, text) = demo::site_record();
                services.internet().add_text(&name, &text);
                let boot = boot_of_all(&environment, &surroundings.endpoint, "seed", &clock)
                    .map_err(while_doing("the demo data"))?;
                Some(demo::write(&boot).await.map_err(|error| StartError::Other(error.to_string()))?)
            }
            false => None,
        };
        let mappings = Mappings::start(
            &stack,
            &functions,
            &mappings::Surroundings {
                sqs: services.sqs().clone(),
                dynamodb: services.dynamodb().clone(),
                chaos,
                data_dir,
                retry_after: options.retry_after,
            },
        )
        .map_err(while_doing("the event sources"))?;

        services.set_configuration_sets(stack.configuration_sets.clone());
        let router = api_gateway::logged(
            api_gateway::routes(&stack, &functions, &clock)
                .merge(mailbox::routes(services.mailbox().clone())),
        );
        let (stopping, stop) = watch::channel(false);
        let front = tokio::spawn(serve(public, router, stop));
        for subscription in &stack.subscriptions {
            services.sns().subscribe(&subscription.topic, &subscription.endpoint);
        }
        // The gateways notify the box office, which answers from now on.
        for visit in demo.iter().flat_map(|demo| &demo.visits) {
            visit.make(&gateways).map_err(while_doing("a buyer of the demo data"))?;
        }
        Ok(Self {
            url,
            stack,
            environment,
            services,
            roles,
            clock,
            gateways: Arc::new(gateways),
            logins: demo.map(|demo| demo.logins),
            mappings,
            front,
            stopping,
            _folder: folder,
        })
    }

    /// The public address, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What the template amounts to here.
    pub fn stack(&self) -> &Stack {
        &self.stack
    }

    /// The AWS services.
    pub fn services(&self) -> &Services {
        &self.services
    }

    /// The payment gateway of tenants that have no account at any.
    pub fn sandbox(&self) -> &Simulator {
        &self.gateways.sandbox
    }

    /// The sandbox and the simulations of real payment gateways. Whoever shares them lets go
    /// of them before the cloud is stopped.
    pub fn gateways(&self) -> &Arc<Gateways> {
        &self.gateways
    }

    /// What the template's policies allow that no function ever did: function,
    /// action and resource. After a run of everything, a policy that allows too much.
    pub fn unused_permissions(&self) -> BTreeSet<String> {
        self.roles.unused()
    }

    /// What the template's policies kept functions from doing, for whoever wants to know
    /// after this has stopped.
    pub fn refusals(&self) -> Refusals {
        Refusals(Arc::clone(&self.roles))
    }

    /// The people who can sign in to the demo, if it was asked for.
    pub fn logins(&self) -> Option<&Logins> {
        self.logins.as_ref()
    }

    /// The environment variables that let the functions' own binaries work with
    /// these services, as `cargo lambda watch --env-file` reads them.
    pub fn environment(&self) -> String {
        self.environment.iter().map(|(name, value)| format!("{name}={value}\n")).collect()
    }

    /// What `who`, who is no function and may do everything, works with: the variables
    /// of all functions, and the time.
    ///
    /// # Errors
    /// If they do not fit together.
    pub fn boot(&self, who: &str) -> Result<Boot, ConfigError> {
        boot_of_all(&self.environment, self.services.endpoint(), who, &self.clock)
    }

    /// The environment variables of one function, and those that Lambda adds for
    /// AWS's clients; `None` if the template has no such function.
    pub fn environment_of(&self, function: &str) -> Option<BTreeMap<String, String>> {
        let function = self.stack.function(function)?;
        Some(own_environment(function, self.services.endpoint()))
    }

    /// Does now what the schedule with this name in the template does by the clock.
    ///
    /// # Errors
    /// If there is no such schedule, or its function failed.
    pub async fn run_schedule_now(&self, name: &str) -> Result<(), String> {
        self.mappings.run_schedule_now(name).await
    }

    /// Waits until everything that was set off has been done: notifications of the
    /// gateways and of SNS, queues, streams, workers. Requests are the caller's own business.
    ///
    /// # Errors
    /// If something is left after `retry_limit`; the error names it.
    pub async fn idle(&self, patience: Duration) -> Result<(), NotIdle> {
        let deadline = tokio::time::Instant::now() + patience;
        loop {
            let sns = self.services.sns();
            let before = (self.mappings.changes(), sns.changes());
            if tokio::time::timeout_at(deadline, self.gateways.idle()).await.is_err() {
                return Err(NotIdle {
                    left: vec!["a simulated gateway has notifications to deliver".to_owned()],
                });
            }
            self.mappings.idle(deadline.saturating_duration_since(tokio::time::Instant::now())).await?;
            if tokio::time::timeout_at(deadline, sns.idle()).await.is_err() {
                return Err(NotIdle { left: vec!["SNS has messages to deliver".to_owned()] });
            }
            // A worker may have done something at the gateway, which then notifies, or
            // sent a mail, of which SES then tells.
            if (self.mappings.changes(), sns.changes()) == before {
                return Ok(());
            }
        }
    }

    /// What workers, streams and queues have left to do at this moment, in words.
    pub fn left(&self) -> Vec<String> {
        self.mappings.left()
    }

    /// Stops everything in order, within about two seconds.
    pub async fn stop(self) {
        self.stopping.send_replace(true);
        // A caller that keeps its connection busy does not keep the cloud alive.
        let mut front = self.front;
        if tokio::time::timeout(FAREWELL, &mut front).await.is_err() {
            front.abort();
        }
        // If somebody shares them, they stop when that is dropped.
        if let Some(gateways) = Arc::into_inner(self.gateways) {
            gateways.stop().await;
        }
        self.mappings.stop().await;
        self.services.stop().await;
    }
}

/// What functions wanted to do and the template's policies do not allow. Some failures are
/// only logged, so nobody else may notice.
#[derive(Clone)]
pub struct Refusals(Arc<Roles>);

impl Refusals {
    /// Those since this was last asked.
    pub fn take(&self) -> Vec<String> {
        self.0.take_refused()
    }
}

fn open_folder(path: Option<PathBuf>, fresh: bool) -> Result<Option<Folder>, StartError> {
    let Some(path) = path else { return Ok(None) };
    let folder = Folder::open(&path).map_err(|error| match error {
        FolderError::Taken => StartError::FolderTaken(path.clone()),
        FolderError::Io(error) => StartError::Other(format!("the folder {}: {error}", path.display())),
    })?;
    if fresh {
        folder.clear().map_err(while_doing(format!("cannot empty the folder {}", path.display())))?;
    }
    Ok(Some(folder))
}

/// The public port and the five after it, on loopback only.
async fn listeners(port: u16) -> Result<[TcpListener; 6], StartError> {
    let bind = async |offset: u16| {
        let port = match port {
            0 => 0,
            port => port.checked_add(offset).ok_or_else(|| {
                StartError::Other(format!("port {port} leaves no room for the five after it"))
            })?,
        };
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(|error| match error.kind() {
            std::io::ErrorKind::AddrInUse => StartError::PortTaken(port),
            _ => StartError::Other(format!("port {port}: {error}")),
        })
    };
    Ok([bind(0).await?, bind(1).await?, bind(2).await?, bind(3).await?, bind(4).await?, bind(5).await?])
}

fn url_of(listener: &TcpListener) -> Result<String, StartError> {
    listener
        .local_addr()
        .map(|address| format!("http://{address}"))
        .map_err(while_doing("a listener has no address"))
}

/// Answers requests until told to stop.
async fn serve(public: TcpListener, router: Router, mut stop: watch::Receiver<bool>) {
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let stopped = async move {
        // An error means that the cloud was dropped, which stops it as well.
        let _ = stop.wait_for(|stop| *stop).await;
    };
    // Without this, an answer in two pieces waits for the caller's delayed
    // acknowledgement of the first.
    let public = public.tap_io(|connection| drop(connection.set_nodelay(true)));
    if let Err(error) = axum::serve(public, service).with_graceful_shutdown(stopped).await {
        tracing::error!(%error, "the public port stopped");
    }
}

/// The values of the template's parameters that follow from where this runs.
pub(crate) fn parameters(
    url: &str,
    gateways: GatewayUrls<'_>,
    secrets: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let public_key = |secret: &str, purpose: &str| {
        let secret = secrets.get(secret).and_then(|secret| Secret::new(secret));
        secret.map_or_else(String::new, |secret| secret.signing_key(purpose).public().to_string())
    };
    [
        ("Stage", "local".to_owned()),
        ("PublicUrl", url.to_owned()),
        ("SenderAddress", "boleteria@taquilla.example".to_owned()),
        ("OperatorAddresses", OPERATOR.to_owned()),
        ("JwtPublicKeys", public_key("JwtSecret", "jwt")),
        ("TicketPublicKeys", public_key("TicketSecret", "ticket")),
    ]
    .into_iter()
    .chain(gateways.parameters())
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

/// Makes the tables, queues and buckets that are not there yet.
async fn provide(stack: &Stack, services: &Services) -> Result<(), StartError> {
    for table in &stack.tables {
        let what = format!("the table {}", table.name);
        services.dynamodb().create_table(table.create.clone()).await.map_err(while_doing(&what))?;
        if let Some(attribute) = &table.ttl {
            services.dynamodb().enable_ttl(&table.name, attribute).await.map_err(while_doing(&what))?;
        }
    }
    for queue in &stack.queues {
        let failed = while_doing(format!("the queue {}", queue.name));
        services.sqs().create_queue(&queue.name, queue.attributes.clone()).map_err(failed)?;
    }
    for bucket in &stack.buckets {
        services
            .create_bucket(&bucket.name)
            .await
            .map_err(while_doing(format!("the bucket {}", bucket.name)))?;
    }
    Ok(())
}

/// The sandbox's account, whose secrets the template asks for.
fn account_at_sandbox(surroundings: &Surroundings) -> sandbox::Account {
    let secret = |id: &str| surroundings.secrets.get(id).cloned().unwrap_or_default();
    sandbox::Account { api_key: secret("SandboxApiKey"), webhook_secret: secret("SandboxWebhookSecret") }
}

/// Starts every function of the template. Its clients reach the services without
/// leaving the process.
///
/// # Errors
/// If there is no code for a function, code without a function, or the
/// configuration of one is wrong.
fn start_functions(
    stack: &Stack,
    registry: &Registry,
    clock: &Clock,
    services: &Services,
) -> Result<BTreeMap<String, Arc<Lambda>>, StartError> {
    let mut code: BTreeSet<&str> = registry.names().collect();
    let mut functions = BTreeMap::new();
    for function in &stack.functions {
        let name = &function.name;
        let env = own_environment(function, services.endpoint());
        let boot = Boot::with_http(env.into_iter().collect::<Env>(), clock.clone(), services.client())
            .map_err(while_doing(format!("the function {name}")))?;
        let started = registry.start(name, &boot).ok_or_else(|| {
            StartError::Other(format!("the template has the function {name}, but there is no code for it"))
        })?;
        let started = started.map_err(while_doing(format!("the function {name}")))?;
        code.remove(name.as_str());
        functions.insert(name.clone(), Arc::new(Lambda::new(function, started)));
    }
    match code.first() {
        Some(name) => {
            Err(StartError::Other(format!("there is code for {name}, but the template has no such function")))
        }
        None => Ok(functions),
    }
}

/// What somebody starts with who is no function, and so may do everything.
fn boot_of_all(
    environment: &BTreeMap<String, String>,
    endpoint: &str,
    who: &str,
    clock: &Clock,
) -> Result<Boot, ConfigError> {
    let mut env = environment.clone();
    env.extend(credentials(endpoint, who));
    Boot::new(env.into_iter().collect(), clock.clone())
}

fn own_environment(function: &Function, endpoint: &str) -> BTreeMap<String, String> {
    let mut env = function.env.clone();
    env.extend(credentials(endpoint, &function.name));
    env
}

/// What Lambda puts into every function's environment. The access key is the name
/// of the function, so that the services know who calls.
pub(crate) fn credentials(endpoint: &str, name: &str) -> [(String, String); 5] {
    [
        ("AWS_ENDPOINT_URL", endpoint),
        // Who signs what comes from SNS.
        ("AWS_ENDPOINT_URL_SNS", endpoint),
        ("AWS_REGION", REGION),
        ("AWS_ACCESS_KEY_ID", name),
        ("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
}

/// The variables of all functions together: `cargo lambda watch` has one file.
fn shared_environment(stack: &Stack, endpoint: &str) -> BTreeMap<String, String> {
    let mut all: BTreeMap<_, _> = stack.functions.iter().flat_map(|function| function.env.clone()).collect();
    all.extend(credentials(endpoint, "watch"));
    all
}
