//! A time limit that is set for every request and reached by hardly any: a timer that is left where it is while the limit moves on.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;

use tokio::time::{Instant, Sleep, sleep_until};

/// A timer that goes off at some limit of before, or earlier than it has to.
pub(super) struct Timer(Option<Pin<Box<Sleep>>>);

impl Timer {
    /// One that was never needed.
    pub(super) fn new() -> Self {
        Self(None)
    }

    /// What becomes of a future until then; none when it is not done in time.
    pub(super) async fn within<T>(&mut self, limit: Instant, future: impl Future<Output = T>) -> Option<T> {
        let mut future = pin!(future);
        let sleep = self.0.get_or_insert_with(|| Box::pin(sleep_until(limit)));
        poll_fn(|cx| {
            if let Poll::Ready(done) = future.as_mut().poll(cx) {
                return Poll::Ready(Some(done));
            }
            if sleep.deadline() > limit {
                sleep.as_mut().reset(limit);
            }
            while sleep.as_mut().poll(cx).is_ready() {
                if sleep.deadline() >= limit {
                    return Poll::Ready(None);
                }
                sleep.as_mut().reset(limit);
            }
            Poll::Pending
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn no_limit_ends_early_whatever_the_one_before_it_was() {
        let (mut timer, start) = (Timer::new(), Instant::now());
        for after in [10, 30, 20, 40, 0].map(Duration::from_millis) {
            assert_eq!(timer.within(start + after, pending::<()>()).await, None);
            assert!(Instant::now() >= start + after, "a limit after {after:?}");
        }
    }

    #[tokio::test]
    async fn a_limit_comes_before_one_that_was_set_for_later() {
        let mut timer = Timer::new();
        let now = Instant::now();
        assert_eq!(timer.within(now + Duration::from_secs(3600), ready(1)).await, Some(1));
        assert_eq!(timer.within(now + Duration::from_millis(2), pending::<()>()).await, None);
    }

    #[tokio::test]
    async fn what_takes_longer_than_the_limit_before_it_is_not_late() {
        let (mut timer, start) = (Timer::new(), Instant::now());
        assert_eq!(timer.within(start + Duration::from_millis(5), pending::<()>()).await, None);
        assert_eq!(timer.within(start + Duration::from_millis(10), ready(1)).await, Some(1));
        let slow = async {
            sleep_until(start + Duration::from_millis(30)).await;
            2
        };
        assert_eq!(timer.within(start + Duration::from_secs(60), slow).await, Some(2));
    }
}
