//! Roles: jackin builds an image from a repository, and here an image is
//! named.

use secrecy::SecretString;
use toml_edit::{Array, Value};

use super::planner::Planner;
use super::value::Ready;
use crate::agent::Agent;
use crate::auth::scope::Scope;
use crate::command::image_word::image_word;
use crate::jackin::Role;

/// Roles that jackin always has, with the images that its makers publish.
const BUILT_IN: [&str; 2] = ["agent-smith", "the-architect"];

impl Planner<'_> {
    /// Plans every role that an image is known for.
    pub(super) fn plan_roles(&mut self) {
        for (name, role) in &self.jackin.roles {
            let ours = self.roles.of(name).to_owned();
            match self.image(name, role) {
                Ok(image) => self.plan_role(name, &ours, &image),
                Err(why) => self.plan.left(
                    format!("[roles] {name}"),
                    format!(
                        "{why}; add it, and import again: docker jackin role add {ours} --image IMAGE"
                    ),
                ),
            }
        }
    }

    /// The image that a role's makers publish.
    fn image(&self, name: &str, role: &Role) -> Result<String, &'static str> {
        let built_in = BUILT_IN.contains(&name);
        if !role.trusted && !built_in {
            return Err("jackin was not told to trust it, and so its image is not taken");
        }
        let manifest = self.manifests.get(name);
        let published = manifest.and_then(|manifest| manifest.image.clone());
        let image = match published {
            Some(image) => image,
            None if built_in => format!("docker.io/projectjackin/jackin-{name}:latest"),
            None => return Err("jackin builds its image, and publishes none that is known here"),
        };
        image_word(&image).map_err(|_| "what it publishes is no image's name")
    }

    fn plan_role(&mut self, name: &str, ours: &str, image: &str) {
        let table = vec!["roles".to_owned(), ours.to_owned()];
        let agents = self.agents(name);
        let words: Vec<&str> = agents.iter().map(|agent| agent.word()).collect();
        let shown = format!("{words:?}");
        self.plan.set_word(table.clone(), "image", image);
        let words: Array = words.into_iter().collect();
        self.plan.set(table, "agents", Value::Array(words), shown);
        self.plan.converted(
            format!("[roles] {name}"),
            format!("starts {image} as it is published: the agents must be in that image"),
        );
        let Some(manifest) = self.manifests.get(name) else {
            return;
        };
        let defaults = manifest.defaults.clone();
        let prompts = manifest.prompts.join(", ");
        for (variable, default) in defaults {
            self.plan_default(ours, &variable, &default);
        }
        if !prompts.is_empty() {
            let why = format!("nobody is asked for a variable here: {prompts}");
            self.plan.left(format!("prompts of role {name}"), why);
        }
    }

    /// The agents of a role that are known here.
    fn agents(&mut self, name: &str) -> Vec<Agent> {
        let listed = match self.manifests.get(name) {
            Some(manifest) if !manifest.agents.is_empty() => manifest.agents.clone(),
            _ => vec!["claude".to_owned()],
        };
        let mut agents = Vec::new();
        for word in listed {
            match Agent::from_word(&word) {
                Some(agent) if !agents.contains(&agent) => agents.push(agent),
                Some(_) => {}
                None => {
                    let why = "is an agent that docker-jackin does not know";
                    self.plan.left(format!("{word} in role {name}"), why);
                }
            }
        }
        agents
    }

    /// A variable of the repository's own: text, whatever stands in it, and
    /// the user's own has its way.
    fn plan_default(&mut self, role: &str, variable: &str, default: &SecretString) {
        let env = self.env.entry(Scope::Role(role.to_owned())).or_default();
        if env.contains_key(variable) {
            return;
        }
        if let Ok(ready) = Ready::literal(default) {
            env.insert(variable.to_owned(), Some(ready));
        }
    }
}
