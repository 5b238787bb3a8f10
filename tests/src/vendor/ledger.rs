//! What a vendor knows of the logins that it gave out: refresh tokens that are
//! good for one use, access tokens that end soon, and who asked with which.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use crate::canary::Canary;

/// What becomes of a login when a refresh token comes a second time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reuse {
    /// The request is refused.
    Refused,
    /// The whole login has ended: it counts as stolen.
    EndsLogin,
}

/// What a login consists of, at one time.
#[derive(Clone)]
pub struct Login {
    /// What it asks with.
    pub access: String,
    /// What renews it, once.
    pub refresh: String,
    /// When `access` ends.
    pub expires: SystemTime,
    /// Which login it is, from 1 on.
    pub number: u64,
}

/// What an access token is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Worth {
    /// It is good. The number is its login's.
    Good(u64),
    /// Its time is over, or its login has ended.
    Over,
    /// Never given out.
    Unknown,
}

/// One question with a token in it that was refused.
#[derive(Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Who asked, as far as they said.
    pub asker: String,
    /// The method, host and path, or `invalid_grant`.
    pub what: String,
    /// What the token was worth.
    pub worth: Worth,
    /// How often logins had been renewed by then.
    pub renewals: u64,
}

impl std::fmt::Debug for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { asker, what, .. } = self;
        write!(f, "{asker} {what} {:?} after {}", self.worth, self.renewals)
    }
}

/// The vendor's books.
pub struct Ledger {
    access: Canary,
    refresh: Canary,
    lifetime: Duration,
    reuse: Reuse,
    books: Mutex<Books>,
}

#[derive(Default)]
struct Books {
    logins: u64,
    tokens: u64,
    renewals: u64,
    access: BTreeMap<String, (u64, SystemTime)>,
    refresh: BTreeMap<String, Refresh>,
    ended: Vec<u64>,
    answered: BTreeMap<String, u64>,
    refused: Vec<Refusal>,
}

impl Books {
    fn refuse(&mut self, asker: &str, what: &str, worth: Worth) {
        self.refused.push(Refusal {
            asker: asker.to_owned(),
            what: what.to_owned(),
            worth,
            renewals: self.renewals,
        });
    }
}

struct Refresh {
    login: u64,
    used: bool,
}

impl Ledger {
    /// Empty books. Every access token has the canary `access` in it, every
    /// refresh token `refresh`.
    pub fn new(access: Canary, refresh: Canary, lifetime: Duration, reuse: Reuse) -> Self {
        Self {
            access,
            refresh,
            lifetime,
            reuse,
            books: Mutex::default(),
        }
    }

    /// A new login.
    pub fn log_in(&self) -> Login {
        let mut books = self.books();
        books.logins += 1;
        let login = books.logins;
        self.give(&mut books, login)
    }

    /// The login with new tokens, for a refresh token that was not used before.
    /// `None` is what the vendor calls an invalid grant.
    pub fn renew(&self, refresh: &str, asker: &str) -> Option<Login> {
        let mut books = self.books();
        let known = books.refresh.get_mut(refresh);
        let known = known.map(|token| (token.login, std::mem::replace(&mut token.used, true)));
        let worth = match known {
            Some((login, false)) if !books.ended.contains(&login) => {
                books.renewals += 1;
                return Some(self.give(&mut books, login));
            }
            Some((login, _)) => {
                if self.reuse == Reuse::EndsLogin {
                    books.ended.push(login);
                }
                Worth::Over
            }
            None => Worth::Unknown,
        };
        books.refuse(asker, "invalid_grant", worth);
        None
    }

    /// Notes a question with an access token; what the token is worth.
    pub fn ask(&self, access: &str, asker: &str, what: &str) -> Worth {
        let mut books = self.books();
        let worth = match books.access.get(access) {
            None => Worth::Unknown,
            Some((login, _)) if books.ended.contains(login) => Worth::Over,
            Some((_, expires)) if *expires <= SystemTime::now() => Worth::Over,
            Some((login, _)) => Worth::Good(*login),
        };
        if let Worth::Good(_) = worth {
            *books.answered.entry(asker.to_owned()).or_default() += 1;
        } else {
            books.refuse(asker, what, worth);
        }
        worth
    }

    /// No access token that was given out is worth anything any more; what
    /// renews them is.
    pub fn end_access_tokens(&self) {
        let mut books = self.books();
        for (_, expires) in books.access.values_mut() {
            *expires = SystemTime::UNIX_EPOCH;
        }
    }

    /// No login that was given out is worth anything any more.
    pub fn end_logins(&self) {
        let mut books = self.books();
        let all = 1..=books.logins;
        books.ended.extend(all);
    }

    /// How often a login was renewed so far.
    pub fn renewals(&self) -> u64 {
        self.books().renewals
    }

    /// How many questions of each asker were answered so far.
    pub fn answered(&self) -> BTreeMap<String, u64> {
        self.books().answered.clone()
    }

    /// Everything that was refused so far, in order.
    pub fn refused(&self) -> Vec<Refusal> {
        self.books().refused.clone()
    }

    fn give(&self, books: &mut Books, login: u64) -> Login {
        books.tokens += 1;
        let number = books.tokens;
        let given = Login {
            access: format!("{}-{number}", self.access.oauth_token()),
            refresh: format!("sk-ant-ort01-{}-{number}", self.refresh.text()),
            expires: SystemTime::now() + self.lifetime,
            number: login,
        };
        let access = (login, given.expires);
        books.access.insert(given.access.clone(), access);
        let refresh = Refresh { login, used: false };
        books.refresh.insert(given.refresh.clone(), refresh);
        given
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    fn ledger(lifetime: Duration, reuse: Reuse) -> Ledger {
        let canary = || Canary::new().unwrap();
        Ledger::new(canary(), canary(), lifetime, reuse)
    }

    #[test]
    fn a_refresh_token_is_good_for_one_use() {
        let ledger = ledger(LONG, Reuse::Refused);
        let first = ledger.log_in();
        let second = ledger.renew(&first.refresh, "host").unwrap();
        assert!(ledger.renew(&first.refresh, "copy").is_none());
        let refused = ledger.refused();
        assert_eq!(refused.len(), 1);
        assert_eq!(
            (&*refused[0].asker, refused[0].worth),
            ("copy", Worth::Over)
        );
        // The one who was first goes on.
        assert_eq!(ledger.ask(&second.access, "host", "x"), Worth::Good(1));
        assert!(ledger.renew(&second.refresh, "host").is_some());
        assert_eq!(ledger.renewals(), 2);
    }

    #[test]
    fn a_refresh_token_used_twice_can_end_the_whole_login() {
        let ledger = ledger(LONG, Reuse::EndsLogin);
        let (first, other) = (ledger.log_in(), ledger.log_in());
        let second = ledger.renew(&first.refresh, "host").unwrap();
        assert!(ledger.renew(&first.refresh, "copy").is_none());
        assert_eq!(ledger.ask(&second.access, "host", "x"), Worth::Over);
        assert!(ledger.renew(&second.refresh, "host").is_none());
        assert_eq!(ledger.ask(&other.access, "host", "x"), Worth::Good(2));
    }

    #[test]
    fn an_access_token_ends_by_itself_and_one_of_nobodys_is_unknown() {
        let ledger = ledger(Duration::ZERO, Reuse::Refused);
        let login = ledger.log_in();
        assert_eq!(ledger.ask(&login.access, "a", "x"), Worth::Over);
        assert_eq!(ledger.ask("made up", "b", "y"), Worth::Unknown);
        let refused = ledger.refused();
        let askers: Vec<&str> = refused.iter().map(|refusal| &*refusal.asker).collect();
        assert_eq!(askers, ["a", "b"]);
        assert!(ledger.answered().is_empty());
    }

    #[test]
    fn tokens_and_logins_can_be_ended_before_their_time() {
        let ledger = ledger(LONG, Reuse::Refused);
        let first = ledger.log_in();
        ledger.end_access_tokens();
        assert_eq!(ledger.ask(&first.access, "a", "x"), Worth::Over);
        let renewed = ledger.renew(&first.refresh, "host").unwrap();
        assert_eq!(ledger.ask(&renewed.access, "a", "x"), Worth::Good(1));
        ledger.end_logins();
        assert_eq!(ledger.ask(&renewed.access, "a", "x"), Worth::Over);
        assert!(ledger.renew(&renewed.refresh, "host").is_none());
        let next = ledger.log_in();
        assert_eq!(ledger.ask(&next.access, "a", "x"), Worth::Good(2));
    }

    #[test]
    fn each_asker_has_a_count_of_its_own() {
        let ledger = ledger(LONG, Reuse::Refused);
        let login = ledger.log_in();
        for asker in ["a", "b", "a"] {
            ledger.ask(&login.access, asker, "x");
        }
        let answered = ledger.answered();
        assert_eq!((answered["a"], answered["b"]), (2, 1));
    }
}
