//! Reading and writing the JSON of login files without losing a byte of what
//! is kept, and without leaving copies of what is secret.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jackin_oci_hook::secret::Secret;
use jackin_oci_hook::ticket::to_wiped_json;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// An object whose values keep the bytes that they were written with.
pub(super) type Object<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

/// The object that `text` holds; of a key written twice the last counts, as
/// for the agents.
pub(super) fn object(text: &(impl AsRef<[u8]> + ?Sized)) -> Option<Object<'_>> {
    serde_json::from_slice(text.as_ref()).ok()
}

/// A field as the type that is asked for; `None` when it is not there, `null`
/// or of another type.
pub(super) fn field<'a, T: Deserialize<'a>>(object: &Object<'a>, name: &str) -> Option<T> {
    serde_json::from_str(object.get(name)?.get()).ok()
}

/// A text that is not only white space.
pub(super) fn text(object: &Object<'_>, name: &str) -> Option<Secret> {
    field::<Secret>(object, name).filter(|text| !text.expose().trim().is_empty())
}

/// Takes out whatever is called a refresh token, in any spelling. It is single
/// use and stays on the host.
pub(super) fn drop_refresh_tokens(object: &mut Object<'_>) {
    object.retain(|name, _| !name.to_ascii_lowercase().contains("refresh"));
}

/// `""`, for a field that must be there.
pub(super) fn empty_text<'a>() -> Option<&'a RawValue> {
    serde_json::from_str("\"\"").ok()
}

/// What is to be written, as text that is wiped.
pub(super) fn secret(value: &impl Serialize) -> Option<Secret> {
    let bytes = to_wiped_json(value).ok()?;
    Some(Secret::new(std::str::from_utf8(&bytes).ok()?.to_owned()))
}

/// The time so many milliseconds after the beginning of 1970.
pub(super) fn time_of_milliseconds(milliseconds: f64) -> Option<SystemTime> {
    let since = Duration::try_from_secs_f64(milliseconds / 1000.0).ok()?;
    UNIX_EPOCH.checked_add(since)
}
