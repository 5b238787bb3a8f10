//! What is known of a served container, and what a new payload changes in it.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::container_user::ContainerUser;
use crate::payload::{CredentialFile, Delivery, Payload, Place, VariableName, Without};
use crate::secret::Secret;
use crate::seed;
use crate::ticket::{Handle, PolicyRequest};

/// What is known of a served container.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// What it is served by.
    pub origin: Origin,
    /// The request of its ticket, for resolving again.
    pub request: Option<Box<RawValue>>,
    /// What it was given last.
    pub payload: Payload,
    /// Whose home the files go to; `None` for the user of its process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<ContainerUser>,
    /// What the container's own configuration says of the variables that the
    /// payload sets or takes away. An exec that brings another value had it
    /// from its user, whose word wins.
    pub configured: Vec<Configured>,
    /// Whether a hook alone serves it, which can set no variable and is not
    /// asked at an exec.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hook_alone: bool,
    /// What former payloads planted and this one does not want any more, until
    /// a hook could take it out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub surplus: Vec<Surplus>,
}

/// What a container is served by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Origin {
    /// A ticket, by its handle.
    Ticket(Handle),
    /// A rule of the policy.
    Policy {
        /// The uid of the user whose configuration resolves it.
        owner: u32,
        /// What the rule asked of it: a rule that asks for something else is
        /// another one.
        asked: PolicyRequest,
    },
}

impl Origin {
    /// The uid of the user whose login it is.
    pub fn owner(&self) -> u32 {
        match self {
            Self::Ticket(handle) => handle.owner,
            Self::Policy { owner, .. } => *owner,
        }
    }
}

/// A variable in the container's own configuration.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Configured {
    /// Its name.
    pub name: VariableName,
    /// Its value there; the user may have put a secret in it.
    pub value: Secret,
}

/// List items of a former seed that are to leave the file they are in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Surplus {
    /// The seed's place.
    pub place: Place,
    /// The items, in lists below the keys that the seed had them under.
    pub object: Map<String, Value>,
}

impl Record {
    /// Whether the hook has anything to do in the container's file system.
    pub fn touches_files(&self) -> bool {
        !self.payload.files.is_empty() || !self.surplus.is_empty()
    }

    /// The record as far as a hook alone can deliver it. What is kept is the
    /// whole one, since by its variables the resolver tells what came from the
    /// shell at launch.
    ///
    /// # Errors
    /// The names of the variables that nothing stands for.
    pub fn without_variables(&self) -> Result<Self, Vec<VariableName>> {
        Ok(Self {
            origin: self.origin.clone(),
            request: None,
            payload: self.payload.without_variables()?,
            user: self.user.clone(),
            configured: Vec::new(),
            hook_alone: self.hook_alone,
            surplus: self.surplus.clone(),
        })
    }

    /// The files that were delivered by it, in the order of their numbers on
    /// the container's own tmpfs.
    pub fn delivered_mut(&mut self) -> impl Iterator<Item = &mut CredentialFile> {
        let alone = self.hook_alone;
        let variables = self.payload.env.iter_mut().filter(move |_| alone);
        let standing_in = variables.filter_map(|variable| match &mut variable.without {
            Without::File(file) => Some(file),
            Without::Nothing | Without::Needless => None,
        });
        self.payload.files.iter_mut().chain(standing_in)
    }

    /// Takes a new payload in place of the one that it was given last.
    pub fn renew(&mut self, payload: Payload) {
        let former = std::mem::replace(&mut self.payload, payload);
        let left = std::mem::take(&mut self.surplus);
        let planted = seeds(&former).map(|(place, object)| Surplus {
            place: place.clone(),
            object: object.clone(),
        });
        for Surplus { place, object } in left.into_iter().chain(planted) {
            let object = seeds(&self.payload)
                .filter(|(wanted_at, _)| **wanted_at == place)
                .fold(object, |left, (_, wanted)| seed::surplus(&left, wanted));
            // What is wanted nowhere has not been looked at above.
            let object = seed::surplus(&object, &Map::new());
            let surplus = Surplus { place, object };
            if !surplus.object.is_empty() && !self.surplus.contains(&surplus) {
                self.surplus.push(surplus);
            }
        }
    }
}

fn seeds(payload: &Payload) -> impl Iterator<Item = (&Place, &Map<String, Value>)> {
    payload
        .files
        .iter()
        .filter_map(|file| match &file.delivery {
            Delivery::MergeJson { object } => Some((&file.place, object)),
            Delivery::Bind { .. } | Delivery::Live { .. } | Delivery::AppendText { .. } => None,
        })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn seeding(files: &[(&str, Value)]) -> Payload {
        let files = files.iter().map(|(path, object)| {
            json!({"place": {"path": path}, "delivery": {"merge-json": {"object": object}}})
        });
        serde_json::from_value(json!({"files": files.collect::<Vec<_>>()})).unwrap()
    }

    fn record(payload: Payload) -> Record {
        Record {
            origin: Origin::Ticket("0.000102030405060708090a0b0c0d0e0f".parse().unwrap()),
            request: None,
            payload,
            user: None,
            configured: Vec::new(),
            hook_alone: false,
            surplus: Vec::new(),
        }
    }

    fn surplus(record: &Record) -> Value {
        let pairs = record.surplus.iter();
        pairs
            .map(|surplus| json!([surplus.place.path.as_str(), surplus.object]))
            .collect()
    }

    #[test]
    fn scenario_32_an_item_that_is_wanted_no_more_is_surplus_and_a_key_is_not() {
        let approved = |items: Value| json!({"seen": true, "keys": {"approved": items}});
        let mut record = record(seeding(&[("a.json", approved(json!(["old", "both"])))]));
        record.renew(seeding(&[("a.json", approved(json!(["both", "new"])))]));
        assert_eq!(
            surplus(&record),
            json!([["a.json", {"keys": {"approved": ["old"]}}]])
        );
    }

    #[test]
    fn scenario_32_with_no_seed_at_all_its_items_are_surplus() {
        let mut record = record(seeding(&[("a.json", json!({"seen": true, "tips": [1]}))]));
        record.renew(Payload::default());
        assert_eq!(surplus(&record), json!([["a.json", {"tips": [1]}]]));
        assert!(record.touches_files());
    }

    #[test]
    fn what_no_hook_took_out_stays_surplus_until_it_is_wanted_again() {
        let seed = |tips: Value| seeding(&[("a.json", json!({ "tips": tips }))]);
        let mut record = record(seed(json!([1])));
        record.renew(seed(json!([2])));
        record.renew(seed(json!([3])));
        assert_eq!(
            surplus(&record),
            json!([["a.json", {"tips": [1]}], ["a.json", {"tips": [2]}]])
        );
        record.renew(seed(json!([1, 2])));
        assert_eq!(surplus(&record), json!([["a.json", {"tips": [3]}]]));
    }

    #[test]
    fn the_same_payload_again_leaves_nothing_to_do() {
        let payload = seeding(&[("a.json", json!({"tips": [1], "seen": true}))]);
        let mut record = record(payload.clone());
        record.renew(payload);
        assert_eq!(record.surplus, []);
    }

    #[test]
    fn a_record_of_before_there_was_surplus_is_read() {
        let text = serde_json::to_string(&record(Payload::default())).unwrap();
        assert!(!text.contains("surplus"), "{text}");
        assert_eq!(serde_json::from_str::<Record>(&text).unwrap().surplus, []);
    }

    #[test]
    fn a_file_that_stands_for_a_variable_is_delivered_by_a_hook_alone() {
        let file =
            |path: &str| json!({"place": {"path": path}, "delivery": {"bind": {"content": path}}});
        let payload = json!({
            "env": [
                {"name": "A", "value": "a", "without": "needless"},
                {"name": "B", "value": "b", "without": {"file": file("for-b")}},
            ],
            "files": [file("own")],
        });
        let mut record = record(serde_json::from_value(payload).unwrap());
        let paths = |record: &mut Record| -> Vec<String> {
            let files = record.delivered_mut();
            files
                .map(|file| file.place.path.as_str().to_owned())
                .collect()
        };
        assert_eq!(paths(&mut record), ["own"]);
        record.hook_alone = true;
        assert_eq!(paths(&mut record), ["own", "for-b"]);
        // By the same numbers the delivery counts.
        let mut delivered = record.without_variables().unwrap();
        assert_eq!(paths(&mut delivered), ["own", "for-b"]);
    }
}
