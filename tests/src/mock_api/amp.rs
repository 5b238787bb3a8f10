//! Amp's API, as far as `amp usage` asks it.

use serde_json::json;

use super::{ANSWER, answer};
use crate::http::Response;

/// The answer to `POST /api/internal`.
pub(super) fn result() -> Response {
    answer(
        200,
        &json!({ "ok": true, "result": { "displayText": ANSWER } }),
    )
}
