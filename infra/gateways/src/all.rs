//! The simulated gateways of a local cloud, each on a port of its own.

use std::io;
use std::path::PathBuf;

use boot::Clock;
use domain::payment::GatewayName;
use tokio::net::TcpListener;

use crate::{Accounts, Faults, Merchant, Options, Simulator, mercado_pago, payu, wompi};

/// Mercado Pago, Wompi and PayU, running. They stop when dropped.
#[derive(Debug)]
pub struct Gateways {
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
    /// Mercado Pago.
    pub mercado_pago: &'a str,
    /// Wompi.
    pub wompi: &'a str,
    /// PayU.
    pub payu: &'a str,
}

impl GatewayUrls<'_> {
    /// Names and values of the parameters.
    pub fn parameters(&self) -> [(&'static str, String); 5] {
        [
            ("MercadoPagoUrl", self.mercado_pago.to_owned()),
            ("WompiUrl", format!("{}/v1", self.wompi)),
            ("WompiCheckoutUrl", format!("{}/p/", self.wompi)),
            ("PayuUrl", self.payu.to_owned()),
            ("PayuCheckoutUrl", format!("{}/ppp-web-gateway-payu/", self.payu)),
        ]
    }
}

impl Gateways {
    /// Starts the three, without merchants. Each keeps a file in the folder, or
    /// everything in memory.
    ///
    /// # Errors
    /// If a file cannot be read or written, or a listener has no address.
    pub async fn start(
        listeners: [TcpListener; 3],
        data_dir: Option<PathBuf>,
        clock: &Clock,
    ) -> io::Result<Self> {
        let options =
            |listener| Options { data_dir: data_dir.clone(), ..Options::new(listener, clock.clone()) };
        let merchants = Merchants::default();
        let [first, second, third] = listeners;
        Ok(Self {
            mercado_pago: mercado_pago::start(options(first), merchants.mercado_pago.clone()).await?,
            wompi: wompi::start(options(second), merchants.wompi.clone()).await?,
            payu: payu::start(options(third), merchants.payu.clone()).await?,
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

    /// The three of them.
    pub fn all(&self) -> [&Simulator; 3] {
        [&self.mercado_pago, &self.wompi, &self.payu]
    }

    /// The one with this name; the sandbox is none of them.
    pub fn named(&self, name: GatewayName) -> Option<&Simulator> {
        self.all().into_iter().find(|simulator| simulator.name() == name)
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
        let Self { mercado_pago, wompi, payu, .. } = self;
        tokio::join!(mercado_pago.stop(), wompi.stop(), payu.stop());
    }
}
