//! What 1Password's `op` says when it gives no value, told apart by its words.

/// Why 1Password gives no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpTrouble {
    /// The program is not there.
    #[error("1Password's command line `op` is not in PATH")]
    NotInstalled,
    /// Nobody is signed in.
    #[error("not signed in to 1Password")]
    NotSignedIn,
    /// The app was asked and did not let it.
    #[error("the request was not approved in 1Password's app")]
    NotApproved,
    /// The app that is to unlock it does not answer.
    #[error("1Password's app cannot be reached")]
    App,
    /// There is no such account here.
    #[error("1Password knows no such account on this machine")]
    NoAccount,
    /// There is no such vault.
    #[error("1Password has no such vault in this account")]
    NoVault,
    /// There is no such item.
    #[error("1Password has no such item in this vault")]
    NoItem,
    /// There is no such field.
    #[error("the item in 1Password has no such field")]
    NoField,
    /// A name is not enough.
    #[error("several items or vaults of 1Password have this name")]
    Ambiguous,
    /// A name that a reference cannot hold.
    #[error("1Password takes letters, digits, `-`, `_`, `.` and spaces in a reference alone")]
    Characters,
    /// A token or a session that 1Password does not take.
    #[error("1Password does not accept the session or token of this shell")]
    Unauthorized,
    /// The account may not do it.
    #[error("this account of 1Password may not do that")]
    Forbidden,
    /// A service account is asked without a vault.
    #[error("1Password's service accounts want the vault named")]
    VaultWanted,
    /// What was to be kept is no item to 1Password.
    #[error("1Password does not take the item as it is")]
    Invalid,
    /// Too many requests.
    #[error("1Password refuses further requests for a while")]
    RateLimit,
}

/// Parts of what `op` says, as versions 2.30 to 2.39 do, in lower case. The
/// first that is found counts, so the narrower ones come first.
const SAID: [(&str, OpTrouble); 42] = {
    use OpTrouble::{
        Ambiguous, App, Characters, Forbidden, Invalid, NoAccount, NoField, NoItem, NoVault,
        NotApproved, NotSignedIn, RateLimit, Unauthorized, VaultWanted,
    };
    [
        ("invalid secret reference", Characters),
        ("invalid character in secret reference", Characters),
        ("more than one item matches", Ambiguous),
        ("more than one vault matches", Ambiguous),
        ("isn't a vault", NoVault),
        ("isn't an item", NoItem),
        ("could not find item", NoItem),
        ("does not have a field", NoField),
        ("isn't a field", NoField),
        ("isn't a section", NoField),
        ("authorization prompt dismissed", NotApproved),
        ("authorization timeout", NotApproved),
        ("authorization was denied", NotApproved),
        ("connecting to desktop app", App),
        ("couldn't connect to the 1password desktop app", App),
        ("requestdelegatedsession", App),
        ("no account found for filter", NoAccount),
        ("found no account for filter", NoAccount),
        ("found no accounts for filter", NoAccount),
        ("not currently signed in", NotSignedIn),
        ("is not signed in", NotSignedIn),
        ("could not find session token", NotSignedIn),
        ("no active session found", NotSignedIn),
        ("session expired", NotSignedIn),
        ("no accounts configured", NotSignedIn),
        ("add an account manually with 'op account add'", NotSignedIn),
        ("decodesacredentials", Unauthorized),
        ("decodesaccredentials", Unauthorized),
        (
            "service account token set, but not authenticated",
            Unauthorized,
        ),
        ("unrecognized auth type", Unauthorized),
        ("aren't authorized to perform", Forbidden),
        ("(401)", Unauthorized),
        ("(403)", Forbidden),
        ("do not have permission", Forbidden),
        ("couldn't update the item", Forbidden),
        ("a vault query must be provided", VaultWanted),
        ("(429)", RateLimit),
        ("too many requests", RateLimit),
        ("has been rate-limited", RateLimit),
        ("invalid json", Invalid),
        ("couldn't validate the item", Invalid),
        ("'--category' flag", Invalid),
    ]
};

impl OpTrouble {
    /// What `op` complained about; `None` for words that are not known.
    pub(crate) fn of(complaint: &[u8]) -> Option<Self> {
        let said = String::from_utf8_lossy(complaint).to_lowercase();
        let known = SAID.into_iter().find(|(part, _)| said.contains(part));
        known.map(|(_, trouble)| trouble)
    }

    /// What to do next.
    pub(crate) fn hint(self) -> &'static str {
        match self {
            Self::NotInstalled => {
                "install `op`: https://developer.1password.com/docs/cli/get-started"
            }
            Self::NotSignedIn => {
                "run `op signin`, or turn on Settings > Developer > Integrate with 1Password CLI in its app"
            }
            Self::NotApproved => "start again, and approve the request of 1Password's app",
            Self::App => "open and unlock 1Password's app, or run `op signin`",
            Self::NoAccount => "`op account list` shows the accounts; write one as `account`",
            Self::NoVault => {
                "`op vault list` shows the vaults; another account is written { op = \"op://…\", account = \"…\" }"
            }
            Self::NoItem => "`op item list` shows the items with their vaults",
            Self::NoField => "`op item get` shows an item's fields",
            Self::Ambiguous => "name it by its ID, which `op item list` and `op vault list` show",
            Self::Characters => "name it by its ID, which `op item get` shows",
            Self::Unauthorized => "run `op signin`, or renew OP_SERVICE_ACCOUNT_TOKEN",
            Self::Forbidden => "let the account use the vault, or name another account",
            Self::VaultWanted => "name the vault; `op vault list` shows them",
            Self::Invalid => "update `op`: 2.30 or later is wanted",
            Self::RateLimit => "wait a while; `op service-account ratelimit` shows how long",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenario_63_what_op_says_of_a_write_is_told_apart() {
        use OpTrouble as T;
        for (said, meant) in [
            (
                "[ERROR] 1Password CLI couldn't connect to the 1Password desktop app. To fix this, update the 1Password app",
                T::App,
            ),
            (
                "[ERROR] 2026/05/05 (101) You do not have permission to perform this action",
                T::Forbidden,
            ),
            (
                "[ERROR] (401) Unauthorized: You aren't authorized to perform this action.",
                T::Forbidden,
            ),
            ("[ERROR] Couldn't update the item.", T::Forbidden),
            ("[ERROR] failed to DecodeSACCredentials", T::Unauthorized),
            (
                "[ERROR] a vault query must be provided when this command is called by a service account.",
                T::VaultWanted,
            ),
            (
                "[ERROR] Too many requests. Your client has been rate-limited.",
                T::RateLimit,
            ),
            (
                "[ERROR] unable to process line 1: could not find item to edit",
                T::NoItem,
            ),
            (
                "[ERROR] unable to process line 1: invalid JSON in piped input",
                T::Invalid,
            ),
            (
                "[ERROR] Validation: (validateVaultItem failed to Validate), Couldn't validate the item: \"[ItemValidator] has found 1 errors\"",
                T::Invalid,
            ),
        ] {
            assert_eq!(OpTrouble::of(said.as_bytes()), Some(meant), "{said}");
        }
    }

    /// As `op` 2.3x wrote it, with other names.
    #[test]
    fn scenario_23_what_op_says_is_told_apart() {
        use OpTrouble as T;
        for (said, meant) in [
            (
                "[ERROR] 2025/03/20 20:03:08 could not read secret 'op://x/y/z': could not get item x/y: \"x\" isn't a vault in this account. Specify the vault with its ID or name.",
                T::NoVault,
            ),
            (
                "[ERROR] could not read secret 'op://v/nope/password': could not get item v/nope: \"nope\" isn't an item in the \"v\" vault. Specify the item with its UUID, name, or domain.",
                T::NoItem,
            ),
            (
                "[ERROR] could not read secret 'op://v/i/nope': item 'v/i' does not have a field 'nope'",
                T::NoField,
            ),
            (
                "[ERROR] could not read secret 'op://v/i/f': error initializing client: You are not currently signed in. Please run `op signin --help` for instructions",
                T::NotSignedIn,
            ),
            (
                "[ERROR] 2026/01/02 account is not signed in",
                T::NotSignedIn,
            ),
            (
                "[ERROR] could not find session token for account my",
                T::NotSignedIn,
            ),
            (
                "No accounts configured for use with 1Password CLI.\n - Turn on the integration …\n[ERROR] 2026/07/20 20:55:23 could not read secret 'op://x/y/z': error initializing client:",
                T::NotSignedIn,
            ),
            (
                "[ERROR] 2026/05/05 Session expired, please sign in again",
                T::NotSignedIn,
            ),
            (
                "[ERROR] 2025/01/25 14:03:20 More than one item matches \"a\". Try again and specify the item by its ID:\n\t* for the item \"a\" in vault v: xxxxxxxxxxxxxxxxxxxxxxxxxx",
                T::Ambiguous,
            ),
            (
                "[ERROR] More than one vault matches \"Shared\".",
                T::Ambiguous,
            ),
            ("[ERROR] no account found for filter", T::NoAccount),
            (
                "[ERROR] error initializing client: connecting to desktop app: read: connection reset, make sure 1Password.app is installed",
                T::App,
            ),
            (
                "[ERROR] error initializing client: RequestDelegatedSession: cannot setup session. Please check the logs of the 1Password app.",
                T::App,
            ),
            (
                "[ERROR] error initializing client: authorization prompt dismissed, please try again",
                T::NotApproved,
            ),
            (
                "[ERROR] could not read secret 'op://v/i/f': error initializing client: authorization timeout",
                T::NotApproved,
            ),
            (
                "[ERROR] invalid secret reference 'op://a (b)/c/d': invalid character in secret reference: '('",
                T::Characters,
            ),
            (
                "[ERROR] (401) Unauthorized: invalid bearer token",
                T::Unauthorized,
            ),
            (
                "[ERROR] (403) Forbidden: You aren't authorized to access this resource.",
                T::Forbidden,
            ),
            ("[ERROR] (429) Too Many Requests", T::RateLimit),
        ] {
            assert_eq!(OpTrouble::of(said.as_bytes()), Some(meant), "{said}");
        }
        assert_eq!(OpTrouble::of(b"[ERROR] dial tcp: no such host"), None);
        assert_eq!(OpTrouble::of(b"\xff"), None);
    }
}
