//! The agents' real programs: how each is asked, where its login lies, and what
//! it must send to the vendor.

use std::collections::BTreeMap;

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jackin_tests::canary::Canary;
use jackin_tests::mock_api::MockApi;
use jackin_tests::project;
use serde_json::{Value, json};

/// 1 January 2100: no login of the tests ends before.
const FAR_OFF: u64 = 4_102_444_800;

/// The account of Codex's login.
const ACCOUNT: &str = "account-of-the-tests";

/// A real agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Program {
    Claude,
    Codex,
    Opencode,
    Amp,
}

/// What an agent can be told to do; `oauth_token` is Claude's alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Sync,
    ApiKey,
    OauthToken,
    Ignore,
}

impl Mode {
    /// Its name in the configuration.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::ApiKey => "api_key",
            Self::OauthToken => "oauth_token",
            Self::Ignore => "ignore",
        }
    }

    /// What the line about an agent says of it.
    pub(crate) fn told(self) -> &'static str {
        match self {
            Self::Sync => "forwarded host session (sync)",
            Self::ApiKey => "API key",
            Self::OauthToken => "long-lived OAuth token",
            Self::Ignore => "none",
        }
    }
}

/// What one agent's credentials are on the host, each with its own canary.
pub(crate) struct Secrets {
    /// The login of the host.
    pub(crate) login: Canary,
    /// What renews it; it may arrive nowhere.
    pub(crate) refresh: Canary,
    /// The key or the token in the agent's own slot.
    pub(crate) key: Canary,
    /// An operator variable of a name that the agent takes a credential from.
    pub(crate) operator: Canary,
    /// A variable of such a name in the image.
    pub(crate) image: Canary,
}

impl Secrets {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            login: Canary::new()?,
            refresh: Canary::new()?,
            key: Canary::new()?,
            operator: Canary::new()?,
            // The engine keeps an image's variables on its disk.
            image: Canary::control()?,
        })
    }

    /// The same canary in all of them.
    pub(crate) fn of_one(canary: &Canary) -> Self {
        Self {
            login: canary.clone(),
            refresh: canary.clone(),
            key: canary.clone(),
            operator: canary.clone(),
            image: canary.clone(),
        }
    }

    /// Each of them, and what it is.
    pub(crate) fn all(&self) -> [(&'static str, &Canary); 5] {
        [
            ("login", &self.login),
            ("refresh token", &self.refresh),
            ("slot", &self.key),
            ("operator variable", &self.operator),
            ("image's variable", &self.image),
        ]
    }

    /// What stands in the slot of a mode.
    pub(crate) fn slot(&self, mode: Mode) -> Option<String> {
        match mode {
            Mode::ApiKey => Some(self.key.api_key()),
            Mode::OauthToken => Some(self.key.oauth_token()),
            Mode::Sync | Mode::Ignore => None,
        }
    }

    /// The one that a mode delivers.
    pub(crate) fn of(&self, mode: Mode) -> Option<&Canary> {
        match mode {
            Mode::Sync => Some(&self.login),
            Mode::ApiKey | Mode::OauthToken => Some(&self.key),
            Mode::Ignore => None,
        }
    }
}

impl Program {
    pub(crate) const ALL: [Self; 4] = [Self::Claude, Self::Codex, Self::Opencode, Self::Amp];

    /// Its name in the configuration, and its program's.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Claude => "claude",
            Self::Codex => "codex",
            Self::Opencode => "opencode",
            Self::Amp => "amp",
        }
    }

    /// Where its login lies below the home.
    pub(crate) fn login_file(self) -> &'static str {
        match self {
            Self::Claude => ".claude/.credentials.json",
            Self::Codex => ".codex/auth.json",
            Self::Opencode => ".local/share/opencode/auth.json",
            Self::Amp => ".local/share/amp/secrets.json",
        }
    }

    /// The variable that moves its login, and the login's place in that folder.
    pub(crate) fn moved_by(self) -> (&'static str, &'static str) {
        match self {
            Self::Claude => ("CLAUDE_CONFIG_DIR", ".credentials.json"),
            Self::Codex => ("CODEX_HOME", "auth.json"),
            Self::Opencode => ("XDG_DATA_HOME", "opencode/auth.json"),
            Self::Amp => ("XDG_DATA_HOME", "amp/secrets.json"),
        }
    }

    /// The login file as the vendor's own program writes it.
    pub(crate) fn login(self, secrets: &Secrets, api: &MockApi) -> Value {
        let refresh = secrets.refresh.text();
        match self {
            Self::Claude => json!({ "claudeAiOauth": {
                "accessToken": secrets.login.oauth_token(),
                "refreshToken": refresh,
                "expiresAt": FAR_OFF * 1000,
                "scopes": ["user:inference", "user:profile"],
                "subscriptionType": "max",
            }}),
            Self::Codex => json!({
                "auth_mode": "chatgpt",
                "OPENAI_API_KEY": null,
                "tokens": {
                    "id_token": jwt("signature"),
                    "access_token": jwt(secrets.login.text()),
                    "refresh_token": refresh,
                    "account_id": ACCOUNT,
                },
                "last_refresh": "2026-01-01T00:00:00.000000000Z",
            }),
            Self::Opencode => json!({
                "anthropic": { "type": "api", "key": secrets.login.api_key() },
                "openai": {
                    "type": "oauth",
                    "refresh": refresh,
                    "access": "of another provider",
                    "expires": FAR_OFF * 1000,
                },
            }),
            // The URL is part of the name, to the letter.
            Self::Amp => {
                let mut login = json!({});
                login[format!("apiKey@{}", api.url())] = secrets.login.text().into();
                login
            }
        }
    }

    /// Codex has no variable for the vendor's address.
    pub(crate) fn overrides(self, api: &MockApi) -> Vec<String> {
        if self != Self::Codex {
            return Vec::new();
        }
        let url = api.url();
        vec![
            "-c".to_owned(),
            format!("openai_base_url=\"{url}/v1\""),
            "-c".to_owned(),
            format!("chatgpt_base_url=\"{url}/backend-api\""),
        ]
    }

    /// A command that asks the vendor something, without a terminal.
    pub(crate) fn question(self, api: &MockApi) -> Vec<String> {
        let line: &[&str] = match self {
            Self::Claude => &["claude", "-p", "ping"],
            Self::Codex => &["codex", "exec", "--skip-git-repo-check", "ping"],
            Self::Opencode => &[
                "opencode",
                "run",
                "-m",
                "anthropic/claude-haiku-4-5",
                "ping",
            ],
            Self::Amp => &["amp", "usage"],
        };
        let mut line: Vec<String> = line.iter().map(|&word| word.to_owned()).collect();
        line.extend(self.overrides(api));
        line
    }

    /// What sends it to the stand-in, and keeps it from asking others.
    pub(crate) fn settings(self, api: &MockApi) -> Vec<String> {
        let url = api.url();
        match self {
            Self::Claude => vec![
                format!("ANTHROPIC_BASE_URL={url}"),
                "CLAUDE_CODE_MAX_RETRIES=0".to_owned(),
                "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1".to_owned(),
                "DISABLE_AUTOUPDATER=1".to_owned(),
            ],
            Self::Codex => Vec::new(),
            Self::Opencode => {
                let options = json!({ "options": { "baseURL": format!("{url}/v1") } });
                let provider = json!({ "anthropic": options });
                let config = json!({ "autoupdate": false, "provider": provider });
                vec![
                    "OPENCODE_DISABLE_MODELS_FETCH=1".to_owned(),
                    format!("OPENCODE_CONFIG_CONTENT={config}"),
                ]
            }
            Self::Amp => vec![format!("AMP_URL={url}")],
        }
    }

    /// The method and path of the question.
    pub(crate) fn asks(self) -> &'static str {
        match self {
            Self::Claude | Self::Opencode => "POST /v1/messages",
            Self::Codex => "POST /v1/responses",
            Self::Amp => "POST /api/internal",
        }
    }

    /// The headers that its question must bear.
    pub(crate) fn expected(self, mode: Mode, secrets: &Secrets) -> BTreeMap<String, String> {
        let bearer = |token: String| vec![("authorization", format!("Bearer {token}"))];
        let headers = match (self, mode) {
            (_, Mode::Ignore) | (Self::Codex | Self::Opencode | Self::Amp, Mode::OauthToken) => {
                Vec::new()
            }
            (Self::Claude, Mode::OauthToken) => bearer(secrets.key.oauth_token()),
            (Self::Claude, Mode::Sync) => bearer(secrets.login.oauth_token()),
            (Self::Codex, Mode::Sync) => {
                let mut headers = bearer(jwt(secrets.login.text()));
                headers.push(("chatgpt-account-id", ACCOUNT.to_owned()));
                headers
            }
            (Self::Amp, Mode::Sync) => bearer(secrets.login.text().to_owned()),
            (Self::Opencode, Mode::Sync) => vec![("x-api-key", secrets.login.api_key())],
            (Self::Claude | Self::Opencode, Mode::ApiKey) => {
                vec![("x-api-key", secrets.key.api_key())]
            }
            (Self::Codex | Self::Amp, Mode::ApiKey) => bearer(secrets.key.api_key()),
        };
        let named = |(name, value): (&str, String)| (name.to_owned(), value);
        headers.into_iter().map(named).collect()
    }

    /// What it says when it has no credential.
    pub(crate) fn complains(self) -> &'static str {
        match self {
            Self::Claude => "Not logged in",
            Self::Codex => "401 Unauthorized",
            Self::Opencode => "API key is missing",
            Self::Amp => "Invalid or missing API key",
        }
    }

    /// The variables that it takes a credential from, as far as they work
    /// alone.
    pub(crate) fn variables(self, canary: &Canary) -> Vec<(&'static str, String)> {
        match self {
            Self::Claude => vec![
                ("ANTHROPIC_AUTH_TOKEN", canary.text().to_owned()),
                ("ANTHROPIC_API_KEY", canary.api_key()),
                ("CLAUDE_CODE_OAUTH_TOKEN", canary.oauth_token()),
            ],
            Self::Codex => vec![
                ("OPENAI_API_KEY", canary.api_key()),
                ("CODEX_API_KEY", canary.api_key()),
                ("CODEX_ACCESS_TOKEN", canary.text().to_owned()),
            ],
            Self::Opencode => {
                let key = json!({ "type": "api", "key": canary.api_key() });
                vec![
                    ("OPENCODE_API_KEY", canary.api_key()),
                    (
                        "OPENCODE_AUTH_CONTENT",
                        json!({ "anthropic": key }).to_string(),
                    ),
                ]
            }
            Self::Amp => vec![("AMP_API_KEY", canary.text().to_owned())],
        }
    }

    /// What mounts its program into a container.
    pub(crate) fn mount(self) -> Result<String> {
        let program = project::agent(self.word())?;
        Ok(format!(
            "{}:/usr/local/bin/{}:ro",
            program.display(),
            self.word()
        ))
    }
}

/// A token in three parts, of which agents read the second; the last is where
/// a search can see it.
fn jwt(signature: &str) -> String {
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({
        "exp": FAR_OFF,
        "email": "somebody@example.org",
        "https://api.openai.com/auth": {
            "chatgpt_account_id": ACCOUNT,
            "chatgpt_plan_type": "plus",
            "chatgpt_user_id": "user-of-the-tests",
        },
    });
    let head = part(json!({ "alg": "RS256", "typ": "JWT" }));
    format!("{head}.{}.{signature}", part(claims))
}
