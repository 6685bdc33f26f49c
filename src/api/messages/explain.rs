//! Tells what would happen to a message. (waiting for dispatch)

use super::Messages;
use crate::api::auth::BrandCaller;
use crate::api::status::Failure;
use crate::wire::v1;

impl Messages {
    pub(super) async fn explain(
        &self,
        caller: &BrandCaller,
        request: v1::ExplainRouteRequest,
    ) -> Result<v1::ExplainRouteResponse, Failure> {
        self.prepare(caller, request.message).await?;
        Ok(v1::ExplainRouteResponse::default())
    }
}
