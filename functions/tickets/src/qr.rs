use actions::HeldTicket;
use aide::OperationOutput;
use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use aide::generate::GenContext;
use aide::openapi::{MediaType, Operation, Response as ApiResponse, SchemaObject};
use axum::response::{IntoResponse, Response};
use domain::qr::Qr;
use domain::ticket::{AreaTag, TicketCode, VoucherCode, sign, sign_voucher};
use domain::{Error, FieldError, OrderPart};
use http::header;
use indexmap::IndexMap;
use schemars::{JsonSchema, json_schema};
use serde::Deserialize;
use web::{Answer, Opener, Path, Query, Refuses, Shared};

use crate::State;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/qr/{ticket}",
        get_with(draw, |op| {
            op.id("drawCode").tag("Tickets").summary("The QR code of one of one's tickets or vouchers").description(
                "Black on white with the frame that scanners need. Nothing may keep it: whoever has the picture \
                 gets in, or what the voucher is for.",
            )
            .refuses(["ticket_not_found", "ticket_revoked", "voucher_not_found", "voucher_revoked"])
        }),
    )
}

/// Path of `/qr/{ticket}`.
#[derive(Debug, Deserialize, JsonSchema)]
struct CodePath {
    /// The ticket's id, or a voucher's.
    ticket: OrderPart,
}

/// Format and size of the picture.
#[derive(Debug, Deserialize, JsonSchema)]
struct DrawQuery {
    /// The picture's format, `svg` if absent.
    #[serde(default)]
    format: Format,
    /// The most pixels of one side of a PNG, 480 if absent. The picture may be smaller: each module
    /// has a whole number of pixels.
    #[schemars(range(min = 60, max = 2000))]
    size: Option<u16>,
}

/// The format of a picture.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Format {
    /// Vector graphics, sharp at any size.
    #[default]
    Svg,
    /// Pixels, for apps that can not show SVG.
    Png,
}

/// The ticket's code, signed now.
pub(crate) fn code(state: &State, held: &HeldTicket) -> String {
    let ticket = held.ticket();
    let code = TicketCode {
        event: held.order.event,
        ticket: ticket.id,
        serial: ticket.serial,
        area: AreaTag::of(ticket.area),
        seat: ticket.seat.cloned(),
    };
    sign(&code, &state.ticket_key.0)
}

async fn draw(
    Shared(state): Shared<State>,
    opener: Opener,
    Path(path): Path<CodePath>,
    Query(query): Query<DrawQuery>,
) -> Answer<Picture> {
    let size = query.size.unwrap_or(480);
    if !(60..=2000).contains(&size) {
        let field = FieldError::new("#size", "Must be between 60 and 2000.");
        return Err(Error::fields(vec![field]).into());
    }
    let now = state.clock.now();
    let text = match path.ticket {
        OrderPart::Ticket(ticket) => {
            let held = state.tickets.opened(&opener, ticket, now).await?;
            if held.ticket().refunded {
                let detail = "This ticket was refunded; it has no code any more.";
                return Err(Error::conflict("ticket_revoked", detail).into());
            }
            code(&state, &held)
        }
        OrderPart::Voucher(voucher) => {
            let bought = state.tickets.bought_voucher(&opener, voucher, now).await?;
            let held = bought.voucher();
            if held.refunded {
                let detail = "This voucher was refunded; it has no code any more.";
                return Err(Error::conflict("voucher_revoked", detail).into());
            }
            let extra = held.extra;
            let code = VoucherCode::new(bought.order.event, held.id, extra.variant(), &extra.name);
            sign_voucher(&code, &state.ticket_key.0)
        }
    };
    let qr = Qr::new(&text)?;
    Ok(match query.format {
        Format::Svg => Picture { media: "image/svg+xml", file: qr.svg().into_bytes() },
        Format::Png => Picture { media: "image/png", file: qr.png(qr.module_pixels(size))? },
    })
}

/// A picture that no cache may keep: its code admits any person who shows it.
struct Picture {
    media: &'static str,
    file: Vec<u8>,
}

impl IntoResponse for Picture {
    fn into_response(self) -> Response {
        let headers = [
            (header::CONTENT_TYPE, self.media),
            (header::CACHE_CONTROL, "private, no-store"),
            (header::CONTENT_SECURITY_POLICY, "default-src 'none'"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ];
        (headers, self.file).into_response()
    }
}

impl OperationOutput for Picture {
    type Inner = Self;

    fn operation_response(_: &mut GenContext, _: &mut Operation) -> Option<ApiResponse> {
        let media = |schema| MediaType {
            schema: Some(SchemaObject { json_schema: schema, external_docs: None, example: None }),
            ..MediaType::default()
        };
        Some(ApiResponse {
            description: "The picture.".to_owned(),
            content: IndexMap::from([
                ("image/svg+xml".to_owned(), media(json_schema!({"type": "string"}))),
                ("image/png".to_owned(), media(json_schema!({"type": "string", "format": "binary"}))),
            ]),
            ..ApiResponse::default()
        })
    }

    fn inferred_responses(ctx: &mut GenContext, op: &mut Operation) -> Vec<(Option<u16>, ApiResponse)> {
        Self::operation_response(ctx, op).map(|response| (Some(200), response)).into_iter().collect()
    }
}
