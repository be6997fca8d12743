//! The ways to pay that gateways have, in our words, and those that a buyer is offered before the
//! gateway's page.

use domain::payment::GatewayName;
use domain::payment::MethodKind::{self, BankTransfer, Card, Cash, Other, Wallet};
use domain::{Currency, Timestamp};

/// The question for the ways to pay an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MethodsAsked {
    /// The currency of the payment.
    pub currency: Currency,
    /// Until when a slip could be paid; `None` if cash is not offered.
    pub cash_until: Option<Timestamp>,
    /// The most instalments that the organiser wants; `None` for as many as the gateway offers.
    pub max_installments: Option<u8>,
    /// The time of asking.
    pub now: Timestamp,
}

/// A way to pay that a gateway's page offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MethodOffer {
    /// The way in words that all gateways share.
    pub kind: MethodKind,
    /// Its name, as the gateway writes it; at most 60 characters.
    pub name: String,
    /// Until when it has to be paid, if that is later than the page.
    pub pay_by: Option<Timestamp>,
    /// The most instalments, where the organiser limits them.
    pub max_installments: Option<u8>,
}

impl MethodsAsked {
    /// The offer of a way to pay; `None` if it is cash, which is not offered.
    pub(crate) fn offer(&self, kind: MethodKind, name: String) -> Option<MethodOffer> {
        let pay_by = self.cash_until.filter(|_| kind == Cash);
        let max_installments = self.max_installments.filter(|_| kind == Card);
        let is_offered = kind != Cash || pay_by.is_some();
        is_offered.then_some(MethodOffer { kind, name, pay_by, max_installments })
    }

    /// The usual offers of a gateway that cannot be asked.
    pub(crate) fn usual(&self, gateway: GatewayName) -> Vec<MethodOffer> {
        let currency = self.currency.code();
        let here = |method: &&Method| method.countries.is_empty() || method.countries.contains(&currency);
        let named = methods_of(gateway).iter().filter(here).filter(|method| !method.name.is_empty());
        named.filter_map(|method| self.offer(method.kind, method.name.to_owned())).collect()
    }
}

/// A gateway's word for a way to pay.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Method {
    /// The word in its reports.
    pub(crate) word: &'static str,
    /// Its meaning.
    pub(crate) kind: MethodKind,
    /// Its name for buyers; empty if it goes by another's.
    name: &'static str,
    /// The currencies of the countries that have it; empty for all.
    countries: &'static [&'static str],
}

const fn method(word: &'static str, kind: MethodKind, name: &'static str) -> Method {
    Method { word, kind, name, countries: &[] }
}

const fn local(
    word: &'static str,
    kind: MethodKind,
    name: &'static str,
    countries: &'static [&'static str],
) -> Method {
    Method { word, kind, name, countries }
}

const SANDBOX: [Method; 4] = [
    method("card", Card, "Card"),
    method("wallet", Wallet, ""),
    method("bank", BankTransfer, ""),
    method("cash", Cash, "Cash"),
];

/// `payment_type_id`.
const MERCADO_PAGO: [Method; 12] = [
    method("credit_card", Card, "Crédito"),
    method("debit_card", Card, "Débito"),
    method("prepaid_card", Card, ""),
    method("voucher_card", Card, ""),
    method("account_money", Wallet, "Mercado Pago"),
    method("digital_wallet", Wallet, ""),
    local("bank_transfer", BankTransfer, "PSE", &["COP"]),
    local("pix", BankTransfer, "Pix", &["BRL"]),
    method("ticket", Cash, "Efectivo"),
    method("atm", Cash, ""),
    method("digital_currency", Other, ""),
    method("crypto", Other, ""),
];

/// `payment_method_type`.
const WOMPI: [Method; 11] = [
    method("CARD", Card, "Visa, Mastercard, American Express"),
    method("NEQUI", Wallet, "Nequi"),
    method("DAVIPLATA", Wallet, "DaviPlata"),
    method("PSE", BankTransfer, "PSE"),
    method("BANCOLOMBIA_TRANSFER", BankTransfer, "Bancolombia"),
    method("BANCOLOMBIA_QR", BankTransfer, ""),
    method("BANCOLOMBIA_COLLECT", Cash, "Corresponsal Bancolombia"),
    method("PCOL", Other, ""),
    method("BANCOLOMBIA_BNPL", Other, ""),
    method("SU_PLUS", Other, ""),
    method("DAVIPLATA_QR", Wallet, ""),
];

/// `paymentMethod` of a transaction.
const PAYU: [Method; 18] = [
    method("VISA", Card, "Visa"),
    method("MASTERCARD", Card, "Mastercard"),
    method("AMEX", Card, "American Express"),
    method("DINERS", Card, ""),
    method("VISA_DEBIT", Card, ""),
    method("MASTERCARD_DEBIT", Card, ""),
    local("NEQUI", Wallet, "Nequi", &["COP"]),
    local("PSE", BankTransfer, "PSE", &["COP"]),
    local("SPEI", BankTransfer, "SPEI", &["MXN"]),
    local("EFECTY", Cash, "Efecty", &["COP"]),
    local("BALOTO", Cash, "", &["COP"]),
    local("OTHERS_CASH", Cash, "", &["COP"]),
    local("BANK_REFERENCED", Cash, "", &["COP"]),
    local("PAGOFACIL", Cash, "Pago Fácil", &["ARS"]),
    local("RAPIPAGO", Cash, "Rapipago", &["ARS"]),
    local("OXXO", Cash, "OXXO", &["MXN"]),
    local("SEVEN_ELEVEN", Cash, "", &["MXN"]),
    local("PAGOEFECTIVO", Cash, "PagoEfectivo", &["PEN"]),
];

/// The words of a gateway for ways to pay.
pub(crate) const fn methods_of(gateway: GatewayName) -> &'static [Method] {
    match gateway {
        GatewayName::Sandbox => &SANDBOX,
        GatewayName::MercadoPago => &MERCADO_PAGO,
        GatewayName::Wompi => &WOMPI,
        GatewayName::Payu => &PAYU,
    }
}

/// True if its page can be told to leave cash out. Where it cannot, a slip that was not offered
/// keeps no places beyond the hold.
pub const fn leaves_cash_out(gateway: GatewayName) -> bool {
    matches!(gateway, GatewayName::Sandbox | GatewayName::MercadoPago)
}

/// The meaning of a gateway's word; `Other` for one that Taquilla does not know, which keeps no
/// places without a due time.
pub fn method_kind(gateway: GatewayName, word: &str) -> MethodKind {
    methods_of(gateway).iter().find(|method| method.word == word).map_or(Other, |method| method.kind)
}

/// The name under which orders note a gateway's word.
pub(crate) fn method_name(word: &str) -> Option<String> {
    let plain = |letter: &char| letter.is_ascii_alphanumeric() || "_-".contains(*letter);
    let name: String = word.chars().filter(plain).take(32).collect::<String>().to_ascii_lowercase();
    (!name.is_empty()).then_some(name)
}

/// A slip's number, if it can be one: at most 64 characters that people can read out.
pub(crate) fn slip_code(text: &str) -> Option<String> {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || " -.".contains(letter);
    let text = text.trim();
    ((1..=64).contains(&text.len()) && text.chars().all(plain)).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use domain::testing::at;

    use super::*;

    fn names(gateway: GatewayName, currency: Currency, cash: bool) -> Vec<String> {
        let cash_until = cash.then(|| at(86_400));
        let asked = MethodsAsked { currency, cash_until, max_installments: Some(6), now: at(0) };
        let offers = asked.usual(gateway);
        for offer in &offers {
            assert_eq!(offer.pay_by, cash_until.filter(|_| offer.kind == Cash), "{offer:?}");
            assert_eq!(offer.max_installments, Some(6).filter(|_| offer.kind == Card), "{offer:?}");
        }
        offers.into_iter().map(|offer| offer.name).collect()
    }

    #[test]
    fn buyers_are_offered_what_their_country_has_and_cash_only_with_time() {
        assert_eq!(
            names(GatewayName::MercadoPago, Currency::COP, false),
            ["Crédito", "Débito", "Mercado Pago", "PSE"]
        );
        assert_eq!(
            names(GatewayName::MercadoPago, Currency::CLP, true).last().map(String::as_str),
            Some("Efectivo")
        );
        assert_eq!(
            names(GatewayName::Payu, Currency::ARS, true),
            ["Visa", "Mastercard", "American Express", "Pago Fácil", "Rapipago"]
        );
        assert!(
            !names(GatewayName::Wompi, Currency::COP, false).contains(&"Corresponsal Bancolombia".to_owned())
        );
    }

    #[test]
    fn strange_words_are_noted_as_plain_text() {
        assert_eq!(method_kind(GatewayName::Payu, "SOMETHING_NEW"), Other);
        assert_eq!(method_name("EFECTY").as_deref(), Some("efecty"));
        assert_eq!(method_name("<b>\n"), Some("b".to_owned()));
        assert_eq!(method_name("…"), None);
        assert_eq!(slip_code(" 1234-5678 "), Some("1234-5678".to_owned()));
        for wrong in ["", "<b>", "1\n2", &"1".repeat(65)] {
            assert_eq!(slip_code(wrong), None, "{wrong}");
        }
    }
}
