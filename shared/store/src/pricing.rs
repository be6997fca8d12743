//! Sale stages and promotions. What they hand out in limited number is counted
//! by pools (see [`allotment`](crate::allotment)).

use domain::pricing::{Promotion, SaleStage};
use domain::{EventId, SaleStageId, TenantId};

use crate::{Failure, Listing, Store, Versioned, keys};

impl Versioned for SaleStage {
    fn version(&self) -> u32 {
        self.version
    }
}

impl Versioned for Promotion {
    fn version(&self) -> u32 {
        self.version
    }
}

impl Store {
    /// Writes a new stage; writing it again answers with what is stored. The
    /// pool of a limited one must exist already.
    pub async fn create_sale_stage(&self, stage: &SaleStage) -> Result<SaleStage, Failure> {
        let key = keys::sale_stage(stage.event_id, stage.id);
        match self.put_new(&key, stage).await {
            Ok(()) => Ok(stage.clone()),
            Err(refused @ Failure::Refused(_)) => self.get_consistent(&key).await?.ok_or(refused),
            Err(failure) => Err(failure),
        }
    }

    /// Stores a changed stage, its version counted up. Refused if somebody else
    /// changed it meanwhile.
    pub async fn replace_sale_stage(&self, stage: &SaleStage) -> Result<(), Failure> {
        self.replace(&keys::sale_stage(stage.event_id, stage.id), stage).await
    }

    /// Deletes a stage. Its pool stays, for the orders that hold something of it.
    pub async fn delete_sale_stage(&self, event: EventId, stage: SaleStageId) -> Result<(), Failure> {
        self.delete(&keys::sale_stage(event, stage)).await
    }

    /// Writes a new promotion; writing it again answers with what is stored.
    /// Refused if another promotion of the tenant has the code.
    pub async fn create_promotion(&self, promotion: &Promotion) -> Result<Promotion, Failure> {
        let key = keys::promotion(promotion.tenant_id, promotion.promotion_code.as_str());
        match self.put_new(&key, promotion).await {
            Ok(()) => Ok(promotion.clone()),
            Err(refused @ Failure::Refused(_)) => {
                let stored: Option<Promotion> = self.get_consistent(&key).await?;
                stored.filter(|stored| stored.id == promotion.id).ok_or(refused)
            }
            Err(failure) => Err(failure),
        }
    }

    /// The tenant's promotion with this code in capital letters, as it is now.
    pub async fn promotion(&self, tenant: TenantId, code: &str) -> Result<Option<Promotion>, Failure> {
        self.get_consistent(&keys::promotion(tenant, code)).await
    }

    /// A page of the tenant's promotions by their codes.
    pub async fn promotions(
        &self,
        tenant: TenantId,
        after: Option<&str>,
        limit: u16,
    ) -> Result<Listing<Promotion>, Failure> {
        self.list(&keys::tenant_partition(tenant), keys::PROMOTION_PREFIX, after, limit, false).await
    }

    /// Stores a changed promotion, its version counted up. Refused if somebody
    /// else changed it meanwhile.
    pub async fn replace_promotion(&self, promotion: &Promotion) -> Result<(), Failure> {
        self.replace(&keys::promotion(promotion.tenant_id, promotion.promotion_code.as_str()), promotion)
            .await
    }

    /// Deletes a promotion that has the version of `promotion`. Refused if
    /// somebody else changed it meanwhile.
    pub async fn delete_promotion(&self, promotion: &Promotion) -> Result<(), Failure> {
        let key = keys::promotion(promotion.tenant_id, promotion.promotion_code.as_str());
        self.transact(vec![self.delete_version_part(&key, promotion)?]).await
    }
}
