//! Links that open one order without a sign-in: how guests come to their order and its tickets.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;
use uuid::Uuid;

use crate::event::Event;
use crate::order::Order;
use crate::{Error, OrderId, Result, UserId};

/// How long after its show an order's link still opens it: refunds and receipts are asked for late.
pub const OPENS_FOR: Duration = Duration::from_secs(180 * 24 * 3600);

/// The content of an order's link: the order, the epoch of its links, and our signature.
///
/// The text is 68 characters of base64url: 16 bytes buyer, 16 bytes order, 2 bytes epoch, and the
/// first 17 bytes of an HMAC-SHA-256 over them. So a link needs no item, the table holds nothing
/// with which an order could be opened, and an order that counts its epoch up ends its links.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderLink {
    /// The buyer, under whom the order is stored.
    pub user: UserId,
    /// The order that it opens, and no other.
    pub order: OrderId,
    /// The epoch of the order's links for which it was made.
    pub epoch: u16,
}

const SIGNED_BYTES: usize = 34;
const LINK_BYTES: usize = SIGNED_BYTES + 17;

impl OrderLink {
    /// The purpose for which the key of links is derived from its secret.
    pub const PURPOSE: &str = "order link";

    /// The length of the text in characters.
    pub const LENGTH: usize = LINK_BYTES / 3 * 4;

    /// The link that opens `order` now.
    pub fn of(order: &Order) -> Self {
        Self { user: order.user, order: order.id, epoch: order.link_epoch }
    }

    /// The text, signed with `key`.
    pub fn encode(&self, key: &[u8; 32]) -> String {
        let mut bytes = [0; LINK_BYTES];
        bytes[..16].copy_from_slice(self.user.uuid().as_bytes());
        bytes[16..32].copy_from_slice(self.order.uuid().as_bytes());
        bytes[32..SIGNED_BYTES].copy_from_slice(&self.epoch.to_be_bytes());
        let mac = mac(key, &bytes[..SIGNED_BYTES]).finalize().into_bytes();
        bytes[SIGNED_BYTES..].copy_from_slice(&mac[..LINK_BYTES - SIGNED_BYTES]);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads what [`OrderLink::encode`] wrote with the same key; `None` for any other text. The
    /// signature is compared in constant time.
    pub fn decode(text: &str, key: &[u8; 32]) -> Option<Self> {
        let mut bytes = [0; LINK_BYTES];
        if text.len() != Self::LENGTH || URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()? != LINK_BYTES {
            return None;
        }
        let (signed, signature) = bytes.split_at(SIGNED_BYTES);
        mac(key, signed).verify_truncated_left(signature).ok()?;
        let uuid = |at: usize| Uuid::from_slice(&signed[at..at + 16]).ok();
        Some(Self {
            user: UserId::from_uuid(uuid(0)?),
            order: OrderId::from_uuid(uuid(16)?),
            epoch: u16::from_be_bytes([signed[32], signed[33]]),
        })
    }

    /// Checks that it opens `order`, which it names, at `now`. `event` is `None` if it was deleted,
    /// which can only happen to events without sales.
    ///
    /// # Errors
    /// `order_link_invalid` (401) if the order has a newer link; `order_link_over` (410) after
    /// [`OPENS_FOR`].
    pub fn opens(&self, order: &Order, event: Option<&Event>, now: Timestamp) -> Result<()> {
        if self.epoch != order.link_epoch {
            return Err(order_link_invalid());
        }
        if event.is_some_and(|event| now >= event.ends_at + OPENS_FOR) {
            return Err(Error::gone(
                "order_link_over",
                "This link opened its order until half a year after the show. Sign in with the same address.",
            ));
        }
        Ok(())
    }
}

/// The error for a link that opens nothing: it is not ours, or its order has a newer one.
pub fn order_link_invalid() -> Error {
    Error::unauthenticated(
        "order_link_invalid",
        "This link opens no order. Use the newest one that was mailed, or sign in with the same address.",
    )
}

fn mac(key: &[u8; 32], signed: &[u8]) -> Hmac<Sha256> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(b"taquilla order link\0");
    mac.update(signed);
    mac
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::order::{OrderStatus, fixture};
    use crate::pricing::fixture::event;

    const KEY: [u8; 32] = [7; 32];

    fn link(user: u128, order: u128, epoch: u16) -> OrderLink {
        OrderLink {
            user: UserId::from_uuid(Uuid::from_u128(user)),
            order: OrderId::from_uuid(Uuid::from_u128(order)),
            epoch,
        }
    }

    #[test]
    fn the_text_of_a_link_is_locked() {
        let text =
            link(0x0190_0000_0000_7000_8000_0000_0000_0001, 0x0190_0000_0000_7000_8000_0000_0000_0002, 3)
                .encode(&KEY);
        insta::assert_snapshot!(text, @"AZAAAAAAcACAAAAAAAAAAQGQAAAAAHAAgAAAAAAAAAIAA1tk0-OXKjlLOPJC5ySoDXPt");
    }

    #[test]
    fn every_flipped_character_is_refused() {
        const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let text = link(1, u128::MAX, u16::MAX).encode(&KEY);
        for at in 0..text.len() {
            for other in ALPHABET.iter().chain(b"=+/ ").filter(|other| **other != text.as_bytes()[at]) {
                let mut flipped = text.clone().into_bytes();
                flipped[at] = *other;
                let flipped = String::from_utf8(flipped).expect("ASCII");
                assert_eq!(OrderLink::decode(&flipped, &KEY), None, "{flipped}");
            }
        }
    }

    #[test]
    fn foreign_texts_are_refused() {
        let text = link(1, 2, 1).encode(&KEY);
        assert_eq!(OrderLink::decode(&text, &[8; 32]), None, "another key");
        for other in
            [&text[1..], &format!("{text}A"), &format!("{text}===="), "", &"ñ".repeat(34), &"A".repeat(68)]
        {
            assert_eq!(OrderLink::decode(other, &KEY), None, "{other}");
        }
        // What the same key would sign for another purpose is no link.
        let transfer = crate::transfer::TransferToken {
            from: UserId::from_uuid(Uuid::from_u128(1)),
            transfer: crate::TransferId::from_uuid(Uuid::from_u128(2)),
        };
        assert_eq!(OrderLink::decode(&transfer.encode(&KEY), &KEY), None);
    }

    #[test]
    fn a_link_opens_its_order_until_it_is_renewed_or_the_show_is_long_over() {
        let mut order = fixture::order(OrderStatus::Paid, &[]);
        let event = event();
        let end = event.ends_at + OPENS_FOR;
        let first = OrderLink::of(&order);
        let code = |link: &OrderLink, order: &Order, now| {
            link.opens(order, Some(&event), now).map_err(|error| error.code())
        };
        let before = end - Duration::from_millis(1);
        assert_eq!(code(&first, &order, before), Ok(()));
        assert_eq!(code(&first, &order, end), Err("order_link_over"));
        first.opens(&order, None, end).expect("an order without its event has no end");

        let change = order.renew_link();
        assert!(change.outbox.is_some(), "the new one is mailed");
        assert_eq!(code(&first, &order, before), Err("order_link_invalid"));
        assert_eq!(code(&OrderLink::of(&order), &order, before), Ok(()));
        let ahead = OrderLink { epoch: 2, ..first };
        assert_eq!(code(&ahead, &order, before), Err("order_link_invalid"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn any_link_round_trips_and_no_random_text_is_one(
            user: u128, order: u128, epoch: u16, key: [u8; 32], text in "[A-Za-z0-9_-]{68}|\\PC{0,80}",
        ) {
            let link = link(user, order, epoch);
            let encoded = link.encode(&key);
            prop_assert_eq!(encoded.len(), OrderLink::LENGTH);
            prop_assert_eq!(OrderLink::decode(&encoded, &key), Some(link));
            prop_assert_eq!(OrderLink::decode(&text, &key), None);
        }
    }
}
