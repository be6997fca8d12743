//! A table in memory with all that the demo data is written to: buckets, a vault, gateways.

use std::collections::BTreeMap;
use std::time::Duration;

use boot::{Boot, Clock, Env};
use cloud::services::{Chaos, Internet, Services, ServicesConfig};
use cloud::template::{Surroundings, Template};
use domain::Timestamp;
use gateways::{GatewayUrls, Gateways, sandbox};
use store::{Fingerprints, Store};
use tokio::net::TcpListener;

const SECRET: &str = "only for tests, only for tests, only for tests";

/// A store on an empty table in memory.
pub(super) struct TestStore {
    pub(super) boot: Boot,
    pub(super) store: Store,
    pub(super) fingerprints: Fingerprints,
    pub(super) services: Services,
    pub(super) gateways: Gateways,
    /// The bucket with the pictures.
    pub(super) images: String,
}

pub(super) async fn house() -> TestStore {
    house_at("local").await
}

pub(super) async fn house_at(stage: &str) -> TestStore {
    let template = include_str!("../../../../template.yaml");
    let template = Template::parse(template).expect("the template");
    let clock = Clock::movable();
    let listener = async || TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let config = ServicesConfig {
        listener: listener().await,
        data_dir: None,
        chaos: Chaos::default(),
        clock: clock.clone(),
    };
    let services = Services::start(config).await.expect("services");
    let account = sandbox::Account { api_key: SECRET.to_owned(), webhook_secret: SECRET.to_owned() };
    let listeners = [listener().await, listener().await, listener().await, listener().await];
    let gateways = Gateways::start(listeners, account, None, &clock).await.expect("gateways");
    crate::merchants("http://127.0.0.1").into_iter().for_each(|merchant| gateways.admit(merchant));

    let secrets = template.secrets().map(|id| (id.to_owned(), SECRET.to_owned())).collect();
    let endpoint = services.endpoint().to_owned();
    let urls = GatewayUrls {
        sandbox: gateways.sandbox.url(),
        mercado_pago: gateways.mercado_pago.url(),
        wompi: gateways.wompi.url(),
        payu: gateways.payu.url(),
    };
    let own = [("Stage", stage), ("PublicUrl", "http://127.0.0.1"), ("SenderAddress", "a@b.example")];
    let own = own.map(|(name, value)| (name, value.to_owned()));
    let parameters = own.into_iter().chain(urls.parameters()).chain(Internet::parameters(&endpoint));
    let parameters = parameters.map(|(name, value)| (name.to_owned(), value)).collect();
    let stack =
        template.stack(&Surroundings { parameters, secrets, endpoint: endpoint.clone() }).expect("the stack");
    let [table] = &stack.tables[..] else { panic!("one table") };
    services.create_table(table.create.clone()).await.expect("created");
    for bucket in &stack.buckets {
        services.create_bucket(&bucket.name).await.expect("created");
    }

    let mut env: BTreeMap<String, String> =
        stack.functions.iter().flat_map(|function| function.env.clone()).collect();
    let images = env["IMAGES_BUCKET"].clone();
    let credentials = [
        ("AWS_ENDPOINT_URL", endpoint.as_str()),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "seed"),
        ("AWS_SECRET_ACCESS_KEY", "local"),
    ];
    env.extend(credentials.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let boot = Boot::new(env.into_iter().collect::<Env>(), clock).expect("a configuration");
    let store = Store::new(&boot).expect("a store");
    let fingerprints = Fingerprints::from_env(&boot.env).expect("a secret");
    TestStore { boot, store, fingerprints, services, gateways, images }
}

impl TestStore {
    pub(super) fn now(&self) -> Timestamp {
        self.boot.clock.now()
    }

    /// Moves the clock.
    pub(super) fn wait(&self, time: Duration) {
        self.boot.clock.advance(time);
    }

    pub(super) async fn stop(self) {
        self.gateways.stop().await;
        self.services.stop().await;
    }
}
