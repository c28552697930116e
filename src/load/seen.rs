//! What a client reads off an event's frame, and how late it was.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::time::Timestamp;

/// The place of the event in a frame `{"op":"event","cursor":"….….….",…}`; `None` for other frames.
pub fn sequence(frame: &str) -> Option<u64> {
    let cursor = frame.strip_prefix(r#"{"op":"event","cursor":""#)?.split('"').next()?;
    u64::from_str_radix(cursor.rsplit('.').next()?, 16).ok()
}

/// The cursor in an answer to a subscription.
pub fn cursor(frame: &str) -> Option<&str> {
    frame.split_once(r#""cursor":""#)?.1.split('"').next()
}

/// How long ago the event of a leg in a frame happened. Others may be told later than they happened, by a deadline.
pub fn age(frame: &str) -> Option<Duration> {
    frame.split_once(r#""type":"callcast.leg."#)?;
    let time = frame.split_once(r#""time":""#)?.1.split('"').next()?;
    let at = humantime::parse_rfc3339(time).ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(Timestamp::now().since(Timestamp(at.as_micros() as u64)))
}

/// Delays that many clients note.
#[derive(Debug, Default)]
pub struct Delays(Mutex<Vec<Duration>>);

/// The delays of a measurement, sorted.
#[derive(Debug)]
pub struct Sorted(Vec<Duration>);

impl Delays {
    /// One more.
    pub fn note(&self, delay: Duration) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(delay);
    }

    /// All that were noted since the last time.
    pub fn take(&self) -> Sorted {
        let mut delays = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        delays.sort_unstable();
        Sorted(delays)
    }
}

impl Sorted {
    /// How many.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The delay that this share of them is not longer than, in microseconds; 0 where there is none.
    pub fn at(&self, share: f64) -> u128 {
        self.0.get((self.0.len() as f64 * share) as usize).or(self.0.last()).map_or(0, Duration::as_micros)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_tells_its_place_and_its_age() {
        let now = Timestamp::now();
        let frame = format!(r#"{{"op":"event","cursor":"0000000a.65.ff","event":{{"id":"1","type":"callcast.leg.held","time":"{now}"}}}}"#);
        assert_eq!((sequence(&frame), cursor(&frame)), (Some(255), Some("0000000a.65.ff")));
        assert!(age(&frame).unwrap() < Duration::from_secs(60));
        assert_eq!(sequence(r#"{"op":"live","cursor":"0000000a.65.ff"}"#), None);
    }
}
