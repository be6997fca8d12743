//! The simulated gateways of a local cloud, each on a port of its own.

use std::io;
use std::path::PathBuf;

use boot::Clock;
use domain::payment::GatewayName;
use tokio::net::TcpListener;

use crate::{Accounts, Faults, Merchant, Options, Simulator, mercado_pago, payu, sandbox, wompi};

/// The sandbox, Mercado Pago, Wompi and PayU, running. They stop when dropped.
#[derive(Debug)]
pub struct Gateways {
    /// The sandbox, whose account all organisers share.
    pub sandbox: Simulator,
    /// Mercado Pago.
    pub mercado_pago: Simulator,
    /// Wompi.
    pub wompi: Simulator,
    /// PayU.
    pub payu: Simulator,
    merchants: Merchants,
}

/// The accounts at each gateway.
#[derive(Debug, Default)]
struct Merchants {
    mercado_pago: Accounts<mercado_pago::Account>,
    wompi: Accounts<wompi::Account>,
    payu: Accounts<payu::Account>,
}

/// What the box office is told of where the gateways answer: values of the
/// template's parameters.
#[derive(Debug, Clone, Copy)]
pub struct GatewayUrls<'a> {
    /// The sandbox.
    pub sandbox: &'a str,
    /// Mercado Pago.
    pub mercado_pago: &'a str,
    /// Wompi.
    pub wompi: &'a str,
    /// PayU.
    pub payu: &'a str,
}

impl GatewayUrls<'_> {
    /// Names and values of the parameters.
    pub fn parameters(&self) -> [(&'static str, String); 6] {
        [
            ("SandboxGatewayUrl", self.sandbox.to_owned()),
            ("MercadoPagoUrl", self.mercado_pago.to_owned()),
            ("WompiUrl", format!("{}/v1", self.wompi)),
            ("WompiCheckoutUrl", format!("{}/p/", self.wompi)),
            ("PayuUrl", self.payu.to_owned()),
            ("PayuCheckoutUrl", format!("{}/ppp-web-gateway-payu/", self.payu)),
        ]
    }
}

impl Gateways {
    /// Starts the four, the real ones without merchants. Each keeps a file in the folder,
    /// or everything in memory.
    ///
    /// # Errors
    /// If a file cannot be read or written, or a listener has no address.
    pub async fn start(
        listeners: [TcpListener; 4],
        shared: sandbox::Account,
        data_dir: Option<PathBuf>,
        clock: &Clock,
    ) -> io::Result<Self> {
        let options =
            |listener| Options { data_dir: data_dir.clone(), ..Options::new(listener, clock.clone()) };
        let merchants = Merchants::default();
        let [first, second, third, fourth] = listeners;
        Ok(Self {
            sandbox: sandbox::start(options(first), shared).await?,
            mercado_pago: mercado_pago::start(options(second), merchants.mercado_pago.clone()).await?,
            wompi: wompi::start(options(third), merchants.wompi.clone()).await?,
            payu: payu::start(options(fourth), merchants.payu.clone()).await?,
            merchants,
        })
    }

    /// Opens an account for a merchant.
    pub fn admit(&self, merchant: Merchant) {
        match merchant {
            Merchant::MercadoPago(account) => self.merchants.mercado_pago.add(account),
            Merchant::Wompi(account) => self.merchants.wompi.add(account),
            Merchant::Payu(account) => self.merchants.payu.add(account),
        }
    }

    /// The four of them.
    pub fn all(&self) -> [&Simulator; 4] {
        GatewayName::ALL.map(|name| self.named(name))
    }

    /// The one with this name.
    pub fn named(&self, name: GatewayName) -> &Simulator {
        match name {
            GatewayName::Sandbox => &self.sandbox,
            GatewayName::MercadoPago => &self.mercado_pago,
            GatewayName::Wompi => &self.wompi,
            GatewayName::Payu => &self.payu,
        }
    }

    /// Has all of them misbehave, or behave with `Faults::default()`.
    ///
    /// # Errors
    /// If a value is out of bounds.
    pub fn set_faults(&self, faults: Faults) -> Result<(), &'static str> {
        self.all().into_iter().try_for_each(|simulator| simulator.set_faults(faults))
    }

    /// Waits until nothing is due or on the wire at any of them.
    pub async fn idle(&self) {
        for simulator in self.all() {
            simulator.idle().await;
        }
    }

    /// Stops them: answers what was asked, forgets what was not delivered.
    pub async fn stop(self) {
        let Self { sandbox, mercado_pago, wompi, payu, .. } = self;
        tokio::join!(sandbox.stop(), mercado_pago.stop(), wompi.stop(), payu.stop());
    }
}
