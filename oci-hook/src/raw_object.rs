//! A JSON object whose values stay the bytes they were, in their order.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// A JSON object read no deeper than its keys.
///
/// Typed and even untyped round trips change what they do not know (fields,
/// the order of keys, the spelling of numbers); here a value that is not
/// edited is written out byte by byte as it came in.
#[derive(Debug, Default)]
pub struct RawObject<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> RawObject<'a> {
    /// The value of a key. Of a key that stands twice the last one counts, as
    /// for the Go programs that wrote the object and will read it.
    pub fn get(&self, key: &str) -> Option<&'a RawValue> {
        let mut found = self.0.iter().rev();
        found.find(|(name, _)| name == key).map(|(_, value)| *value)
    }

    /// Reads the value of a key in an object that an image brought. A Go program
    /// takes a key in any case, and of several the last (`encoding/json`), so
    /// there must be one, in the case that it is written in.
    ///
    /// # Errors
    /// Also when a Go program could read something else.
    pub fn read_plain<T: Deserialize<'a>>(&self, key: &str) -> serde_json::Result<Option<T>> {
        let mut alike = self
            .0
            .iter()
            .filter(|(name, _)| folded(name) == folded(key));
        match (alike.next(), alike.next()) {
            (None, _) => Ok(None),
            (Some((name, value)), None) if name == key => serde_json::from_str(value.get()),
            _ => Err(serde::de::Error::custom("a key is not plain")),
        }
    }

    /// Keys and values in their order, a key that stands twice only where it
    /// stands last.
    pub fn entries(&self) -> Vec<(&str, &'a RawValue)> {
        let mut seen = HashSet::with_capacity(self.0.len());
        let last_first = self.0.iter().rev().filter(|(key, _)| seen.insert(key));
        let mut entries: Vec<_> = last_first
            .map(|(key, value)| (key.as_ref(), *value))
            .collect();
        entries.reverse();
        entries
    }

    /// Reads the value of a key as an object; a missing or `null` one is empty.
    pub fn object(&self, key: &str) -> serde_json::Result<RawObject<'a>> {
        self.read(key).map(Option::unwrap_or_default)
    }

    /// Reads the value of a key; `None` when it is missing or `null`.
    pub fn read<T: Deserialize<'a>>(&self, key: &str) -> serde_json::Result<Option<T>> {
        match self.get(key) {
            None => Ok(None),
            Some(value) => serde_json::from_str(value.get()),
        }
    }
}

impl<'de> Deserialize<'de> for RawObject<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = RawObject<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some((Key(key), value)) = map.next_entry()? {
                    entries.push((key, value));
                }
                Ok(RawObject(entries))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

/// A key without its case: the same for those that Go takes for one. Two
/// letters beyond ASCII have one of it as their lower case or their upper.
fn folded(key: &str) -> String {
    key.chars()
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .collect()
}

/// A key borrowed from the text where no escape in it forbids that.
struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_go_reads_otherwise_is_not_plain() {
        let read = |text: &str| {
            let object: RawObject = serde_json::from_str(text).unwrap();
            object.read_plain::<u8>("keys")
        };
        assert_eq!(read(r#"{"keys":1,"other":2}"#).unwrap(), Some(1));
        assert_eq!(read(r#"{"key":1}"#).unwrap(), None);
        for text in [
            r#"{"Keys":1}"#,
            r#"{"keys":1,"KEYS":2}"#,
            r#"{"keys":1,"keys":2}"#,
            r#"{"key\u017f":1}"#,
            r#"{"\u212aeys":1}"#,
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn values_keep_their_bytes_and_order_and_the_last_of_two_counts() {
        let text = r#"{"b": 1.0e3, "a":[ 1 ], "b":99999999999999999999, "\u0063":null}"#;
        let object: RawObject = serde_json::from_str(text).unwrap();
        let entries: Vec<_> = object
            .entries()
            .into_iter()
            .map(|(key, value)| (key, value.get()))
            .collect();
        assert_eq!(
            entries,
            [("a", "[ 1 ]"), ("b", "99999999999999999999"), ("c", "null")]
        );
        assert_eq!(object.get("b").unwrap().get(), "99999999999999999999");
        assert!(object.object("c").unwrap().get("x").is_none());
    }
}
