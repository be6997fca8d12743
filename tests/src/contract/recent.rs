//! What needs a recent sign-in. That each of these refuses an old one is a column of the matrix of
//! callers.

use serde_json::json;

use super::document::{Operation, operations};

/// The routes that need a recent sign-in: money, credentials and what cannot be taken back. A route is
/// added or taken away here on purpose only.
const RECENT: [&str; 19] = [
    "DELETE /api/v1/auth/me",
    "DELETE /api/v1/auth/me/factors/passkeys/{id}",
    "DELETE /api/v1/auth/me/factors/totp",
    "DELETE /api/v1/tenant/gateways/{id}",
    "DELETE /api/v1/tenant/sites/{host}",
    "GET /api/v1/auth/me/export",
    "PATCH /api/v1/operator/tenants/{id}",
    "PATCH /api/v1/operator/tenants/{id}/gateways/{account}",
    "POST /api/v1/auth/me/factors/passkeys",
    "POST /api/v1/auth/me/factors/passkeys/options",
    "POST /api/v1/auth/me/factors/totp",
    "POST /api/v1/auth/me/factors/totp/confirm",
    "POST /api/v1/auth/me/recovery-codes",
    "POST /api/v1/events/{id}/cancel",
    "POST /api/v1/purchases/{id}/refund",
    "POST /api/v1/tenant/refund-tasks/{order}/{payment}/done",
    "POST /api/v1/tenant/sites/{host}/verify",
    "PUT /api/v1/operator/settings",
    "PUT /api/v1/tenant/gateways/{id}/credentials",
];

#[test]
fn routes_that_need_a_recent_sign_in_are_listed_on_purpose() {
    let mut described: Vec<String> =
        operations().iter().filter(|operation| operation.is_recent()).map(Operation::route).collect();
    described.sort();
    assert_eq!(described, RECENT, "described on the left, expected on the right");
}

#[test]
fn each_of_them_says_what_an_old_sign_in_is_refused_with() {
    for operation in operations().iter().filter(|operation| operation.is_recent()) {
        let refusal = operation.response(403).map(|response| response.to_string()).unwrap_or_default();
        assert!(refusal.contains("recent_sign_in_required"), "{}: {}", operation.route(), json!(refusal));
    }
}
