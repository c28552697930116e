//! An endpoint that comes back with masks where it was shown without its secrets: each mask is the secret that was there.

use serde_json::Value as Json;
use thiserror::Error;
use url::Url;

use super::{Config, MASK};

/// A mask that stands for no secret.
#[derive(Debug, PartialEq, Eq, Error)]
pub enum MaskError {
    /// There is no text to keep.
    #[error("{0} is {MASK:?}, which stands for the text that is there, and there is none: give the text itself")]
    Nothing(String),
    /// It is not clear which.
    #[error(
        "{key} has {masks} of {MASK:?}, which stand for the {known} that are there in their order: give as many, or the texts themselves"
    )]
    Which {
        /// The list.
        key: String,
        /// Masks in it.
        masks: usize,
        /// Secrets that it has.
        known: usize,
    },
    /// The secret would be told to somebody else.
    #[error("{key} is {MASK:?}, but the webhook shall go to another host: what proves who we are has to be given anew for that one")]
    Moved {
        /// The key.
        key: String,
    },
}

/// Puts what was there before in place of masks. The keys that were masked, as `auth.bearer`.
///
/// # Errors
/// When there was nothing, or it is not clear what.
pub fn unmask(made: &mut Json, before: Option<&Json>) -> Result<Vec<String>, MaskError> {
    let mut kept = Vec::new();
    walk(made, before, "", &mut kept)?;
    Ok(kept)
}

fn walk(made: &mut Json, before: Option<&Json>, key: &str, kept: &mut Vec<String>) -> Result<(), MaskError> {
    match made {
        Json::String(text) if text == MASK => {
            // A webhook is shown with all keys, also those that were never given; and of a table that was kept whole nobody would know what is in it.
            let before = before.filter(|before| before.is_string()).ok_or_else(|| MaskError::Nothing(key.into()))?;
            *made = before.clone();
            kept.push(key.into());
            Ok(())
        }
        Json::Object(members) => members.iter_mut().try_for_each(|(name, member)| {
            let inside = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
            walk(member, before.and_then(|before| before.get(name)), &inside, kept)
        }),
        Json::Array(items) => {
            let masks = items.iter().filter(|item| *item == MASK).count();
            let known = before.and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
            if masks > 0 && masks != known.len() {
                return Err(MaskError::Which { key: key.into(), masks, known: known.len() });
            }
            let mut known = known.iter();
            items.iter_mut().filter(|item| **item == MASK).try_for_each(|item| walk(item, known.next(), key, kept))
        }
        _ => Ok(()),
    }
}

/// Sees to it that a secret that was kept is not sent to another host than the one that it is for: nobody reads it back by that.
///
/// # Errors
/// When it would be.
pub fn check_kept(kept: &[String], before: &Config, after: &Config) -> Result<(), MaskError> {
    let has_moved = origin(before) != origin(after);
    let token_url = |config: &Config| config.auth.oauth2.as_ref().and_then(|oauth2| origin_of(&oauth2.token_url));
    let token_has_moved = token_url(before) != token_url(after);
    let is_of = |key: &str, table: &str| key.strip_prefix(table).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    // By the secret of a client the other host would get what it is for: a token of the one before.
    let told = |key: &&String| {
        has_moved && (is_of(key, "auth") || is_of(key, "headers")) || token_has_moved && key.as_str() == "auth.oauth2.client_secret"
    };
    kept.iter().find(told).map_or(Ok(()), |key| Err(MaskError::Moved { key: key.clone() }))
}

/// Scheme, host and port of where an endpoint's events go; none when that cannot be read.
pub fn origin(config: &Config) -> Option<String> {
    origin_of(&config.url.read().ok()?)
}

fn origin_of(url: &str) -> Option<String> {
    Some(Url::parse(url).ok()?.origin()).filter(url::Origin::is_tuple).map(|origin| origin.ascii_serialization())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn unmasked(mut made: Json, before: &Json) -> Result<Json, MaskError> {
        unmask(&mut made, Some(before)).map(|_| made)
    }

    #[test]
    fn a_mask_is_what_was_there() {
        let before = json!({"url": "https://a/x", "auth": {"bearer": "t"}, "headers": {"x-a": "1"}});
        let made = json!({"url": MASK, "auth": {"bearer": MASK}, "headers": {"x-a": MASK, "x-b": "2"}});
        let expected = json!({"url": "https://a/x", "auth": {"bearer": "t"}, "headers": {"x-a": "1", "x-b": "2"}});
        assert_eq!(unmasked(made, &before).unwrap(), expected);
    }

    #[test]
    fn a_secret_is_added_before_or_behind_those_that_are_there() {
        let before = json!({"signing": {"secrets": ["a", "b"]}});
        for (made, expected) in
            [(json!(["new", MASK, MASK]), json!(["new", "a", "b"])), (json!([MASK, "new", MASK]), json!(["a", "new", "b"]))]
        {
            let made = unmasked(json!({"signing": {"secrets": made}}), &before).unwrap();
            assert_eq!(made["signing"]["secrets"], expected);
        }
        let error = unmasked(json!({"signing": {"secrets": [MASK]}}), &before).unwrap_err();
        assert_eq!(error, MaskError::Which { key: "signing.secrets".into(), masks: 1, known: 2 });
    }

    #[test]
    fn a_mask_of_nothing_is_refused() {
        for before in [json!({}), json!({"auth": {"bearer": null}}), json!({"auth": "x"})] {
            let error = unmasked(json!({"auth": {"bearer": MASK}}), &before).unwrap_err();
            assert_eq!(error, MaskError::Nothing("auth.bearer".into()));
        }
        assert!(unmask(&mut json!({"url": MASK}), None).is_err());
    }

    #[test]
    fn a_mask_stands_for_no_table_and_no_list() {
        let before = json!({"auth": {"bearer": "t"}, "headers": {"x-a": "1"}, "signing": {"secrets": ["a"]}});
        for (made, key) in [
            (json!({"auth": MASK}), "auth"),
            (json!({"headers": MASK}), "headers"),
            (json!({"signing": {"secrets": MASK}}), "signing.secrets"),
        ] {
            assert_eq!(unmasked(made, &before).unwrap_err(), MaskError::Nothing(key.into()));
        }
    }

    #[test]
    fn what_proves_who_we_are_does_not_move_to_another_host() {
        let config = |url: &str, token_url: &str| -> Config {
            serde_json::from_value(json!({"url": url, "auth": {"oauth2": {"token_url": token_url}}})).unwrap()
        };
        let before = config("https://a.example/x", "https://login.example/token");
        let kept = |key: &str, after: &Config| check_kept(&[key.to_owned()], &before, after).is_ok();
        let same = config("https://a.example:443/{{ event.id }}", "https://login.example/other");
        let other = config("https://b.example/x", "https://login.example/token");
        let other_token = config("https://a.example/x", "https://login.example:1/token");
        for key in ["auth.bearer", "headers.x-key"] {
            assert!(kept(key, &same) && !kept(key, &other) && kept(key, &other_token), "{key}");
        }
        let secret = "auth.oauth2.client_secret";
        assert!(kept(secret, &same) && !kept(secret, &other) && !kept(secret, &other_token));
        assert!(!kept("auth", &other) && !kept("headers", &other) && kept("authx", &other));
        assert!(kept("signing.secrets", &other), "it is never sent");
    }
}
