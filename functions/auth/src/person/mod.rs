//! A person's data: all of it as a document, and its end.

mod consents;
mod erase;
mod export;
mod order_view;
mod view;

use aide::axum::ApiRouter;

use crate::State;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().merge(export::routes()).merge(erase::routes()).merge(consents::routes())
}
