//! Authenticator apps: their secrets and their codes (TOTP, RFC 6238).

use domain::{Error, Result, Timestamp};
use totp_rs::{Algorithm, Builder, Secret, Totp};

/// The secret that an app shares with the box office: 160 bits, as RFC 4226 recommends.
pub(crate) struct AppSecret(Totp);

impl AppSecret {
    pub(crate) fn random() -> Result<Self> {
        let mut bytes = [0; 20];
        getrandom::fill(&mut bytes).map_err(Error::internal)?;
        Self::of(bytes.to_vec())
    }

    /// Reads the secret from base32, as [`Self::text`] writes it.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let secret = Secret::try_from_base32(text).map_err(Error::internal)?;
        Self::of(secret.as_bytes().to_vec())
    }

    /// Six digits of SHA-1, new every 30 seconds: what every app can do. A clock may be one step off.
    fn of(secret: Vec<u8>) -> Result<Self> {
        let builder = Builder::new().with_algorithm(Algorithm::SHA1).with_digits(6).with_skew(1);
        let totp = builder.with_step_duration(30).with_secret(secret).build();
        totp.map(Self).map_err(Error::internal)
    }

    /// The secret in base32, as apps let people type it.
    pub(crate) fn text(&self) -> String {
        self.0.secret().to_base32()
    }

    /// The address that apps read from a QR code (Key Uri Format).
    pub(crate) fn url(&self, issuer: &str, account: &str) -> String {
        let escaped = |text: &str| -> String { form_urlencoded::byte_serialize(text.as_bytes()).collect() };
        let (issuer, account, secret) = (escaped(issuer), escaped(account), self.text());
        format!(
            "otpauth://totp/{issuer}:{account}?secret={secret}&issuer={issuer}&algorithm=SHA1&digits=6&period=30"
        )
    }

    /// The step (30 seconds since 1970) whose code this is, if it is about now.
    pub(crate) fn step_of(&self, code: &str, now: Timestamp) -> Option<u64> {
        let code: String = code.chars().filter(|c| *c != ' ').collect();
        self.0.check(&code, now.as_second().try_into().ok()?)
    }
}

#[cfg(test)]
mod tests {
    use domain::testing::at;

    use super::*;

    fn app() -> AppSecret {
        AppSecret::of(b"12345678901234567890".to_vec()).expect("long enough")
    }

    /// RFC 6238, appendix B: its codes have eight digits, of which six are the last ones.
    #[test]
    fn the_codes_are_those_of_the_rfc() {
        for (seconds, code) in [
            (59, "94287082"),
            (1_111_111_109, "07081804"),
            (1_111_111_111, "14050471"),
            (1_234_567_890, "89005924"),
            (2_000_000_000, "69279037"),
            (20_000_000_000, "65353130"),
        ] {
            let now = Timestamp::from_second(seconds).expect("a time");
            let step = u64::try_from(seconds / 30).expect("after 1970");
            assert_eq!(app().step_of(&code[2..], now), Some(step), "{seconds}");
        }
    }

    #[test]
    fn a_code_is_good_about_its_time() {
        let second = |seconds| Timestamp::from_second(seconds).expect("a time");
        let steps: Vec<_> =
            [29, 30, 59, 60, 89, 90].map(|seconds| app().step_of("287 082", second(seconds))).into();
        assert_eq!(steps, [Some(1), Some(1), Some(1), Some(1), Some(1), None]);
        assert_eq!(app().step_of("287082", second(0)), Some(1), "a clock that is half a minute late");
        for wrong in ["", "287083", "94287082", "+87082", "28708", "２８７０８２"] {
            assert_eq!(app().step_of(wrong, second(59)), None, "{wrong}");
        }
    }

    #[test]
    fn a_secret_reads_as_it_was_written_and_apps_can_read_its_address() {
        assert_eq!(app().text(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert_eq!(AppSecret::parse(&app().text()).expect("base32").text(), app().text());
        assert_eq!(
            app().url("boletas.example", "ana+x@example.com"),
            "otpauth://totp/boletas.example:ana%2Bx%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
             &issuer=boletas.example&algorithm=SHA1&digits=6&period=30"
        );
        let [one, other] = [(), ()].map(|()| AppSecret::random().expect("randomness"));
        assert_ne!(one.text(), other.text());
        assert_eq!(one.step_of("000000", at(0)).and(other.step_of("000000", at(0))), None);
    }
}
