//! The supervisor who acts, and the request that the path names.

use domain::audit::AuditNote;
use domain::discount::{DiscountRequest, Reviewer};
use domain::{DiscountRequestId, Error, Result, TenantId, Timestamp};
use schemars::JsonSchema;
use serde::Deserialize;
use web::Supervisor;

use crate::State;
use crate::view::RequestDetail;

/// `/supervision/queue/{id}`.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
pub(crate) struct RequestPath {
    /// The request's id.
    pub(crate) id: DiscountRequestId,
}

/// The supervisor who acts, and the tenant.
#[derive(Debug, Clone)]
pub(crate) struct Staff {
    pub(crate) tenant: TenantId,
    pub(crate) reviewer: Reviewer,
}

impl From<Supervisor> for Staff {
    fn from(supervisor: Supervisor) -> Self {
        let reviewer = Reviewer { user: supervisor.user, email: supervisor.claims.email };
        Self { tenant: supervisor.tenant, reviewer }
    }
}

impl Staff {
    /// The entry in the audit log about a change of `request`.
    pub(crate) fn note(&self, request: &DiscountRequest, action: &str, now: Timestamp) -> AuditNote {
        AuditNote {
            tenant_id: self.tenant,
            by: self.reviewer.user,
            by_email: self.reviewer.email.clone(),
            action: format!("discount_request.{action}"),
            subject: request.id.to_string(),
            at: now,
        }
    }
}

impl State {
    /// The tenant's request as it is now. A request of another tenant is not found.
    pub(crate) async fn request_of(
        &self,
        tenant: TenantId,
        id: DiscountRequestId,
    ) -> Result<DiscountRequest> {
        let request = self.store.discount_request(id).await?;
        let request = request.filter(|request| request.tenant_id == tenant);
        request
            .ok_or_else(|| Error::not_found("request_not_found", "There is no such request in your queue."))
    }

    /// The view of one request, with the text of its mail.
    pub(crate) async fn request_detail(&self, request: DiscountRequest) -> Result<RequestDetail> {
        let desk = self.mail_context(request.tenant_id, std::slice::from_ref(&request)).await?;
        RequestDetail::new(request, &desk)
    }
}
