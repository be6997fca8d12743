//! The gateways' addresses: their own, or on one machine those of simulators.

use boot::{ConfigError, Env};
use domain::gateway_account::Mode;
use outbound::{Url, simulator_url};

use crate::{mercado_pago, payu, wompi};

/// The addresses of simulators; without one the gateway's own counts.
#[derive(Debug, Clone, Default)]
pub(super) struct Addresses {
    mercado_pago: Option<Url>,
    wompi: Option<Url>,
    wompi_checkout: Option<Url>,
    payu: Option<Url>,
    payu_checkout: Option<Url>,
}

impl Addresses {
    /// Reads the addresses.
    ///
    /// # Errors
    /// If one is none, or is set in a stage other than `local`.
    pub(super) fn from_env(env: &Env) -> Result<Self, ConfigError> {
        let read = |name| simulator_url(env, name, "the server there is given organisers' credentials");
        Ok(Self {
            mercado_pago: read("MERCADO_PAGO_URL")?,
            wompi: read("WOMPI_URL")?,
            wompi_checkout: read("WOMPI_CHECKOUT_URL")?,
            payu: read("PAYU_URL")?,
            payu_checkout: read("PAYU_CHECKOUT_URL")?,
        })
    }

    pub(super) fn mercado_pago(&self) -> Url {
        let own = || mercado_pago::API.parse().expect("an address that is written here");
        self.mercado_pago.clone().unwrap_or_else(own)
    }

    pub(super) fn wompi(&self, mode: Mode) -> wompi::Endpoints {
        let own = wompi::Endpoints::of(mode);
        wompi::Endpoints {
            api: self.wompi.clone().unwrap_or(own.api),
            checkout: self.wompi_checkout.clone().unwrap_or(own.checkout),
        }
    }

    pub(super) fn payu(&self, mode: Mode) -> payu::Endpoints {
        let own = payu::Endpoints::of(mode);
        payu::Endpoints {
            api: self.payu.clone().unwrap_or(own.api),
            checkout: self.payu_checkout.clone().unwrap_or(own.checkout),
        }
    }
}
