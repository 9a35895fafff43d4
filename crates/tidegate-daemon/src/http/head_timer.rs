//! The time a head may take, measured with one timer for each connection.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};

/// A connection's timer. hyper starts one for the head of every request and drops it when the head has come;
/// to enter each into the runtime's wheel and to take it out again costs more than to answer. Here
/// one entry stays: it may ring for a head that came long ago, and is then set for the present one.
#[derive(Debug, Clone)]
pub(super) struct Alarm(Arc<Mutex<Pin<Box<tokio::time::Sleep>>>>);

impl Alarm {
    /// Set to ring after `first`, for whoever waits then.
    pub(super) fn new(first: Duration) -> Self {
        Self(Arc::new(Mutex::new(Box::pin(tokio::time::sleep(first)))))
    }
}

impl Timer for Alarm {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(Until { alarm: self.clone(), deadline: deadline.into() })
    }

    fn now(&self) -> Instant {
        tokio::time::Instant::now().into()
    }
}

/// One wait.
struct Until {
    alarm: Alarm,
    deadline: tokio::time::Instant,
}

impl Sleep for Until {}

impl Future for Until {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut sleep = self.alarm.0.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let rang = sleep.as_mut().poll(context).is_ready();
            if rang && sleep.deadline() >= self.deadline {
                return Poll::Ready(());
            }
            if !rang && sleep.deadline() <= self.deadline {
                return Poll::Pending;
            }
            sleep.as_mut().reset(self.deadline);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_wait_has_its_own_end_whatever_the_alarm_was_set_for() {
        let alarm = Alarm::new(Duration::from_secs(5));
        let began = tokio::time::Instant::now();
        for (wait, ends) in [(5, 5), (5, 10), (2, 12), (9, 21)] {
            alarm.sleep(Duration::from_secs(wait)).await;
            assert_eq!(began.elapsed(), Duration::from_secs(ends));
        }
        // A wait that was given up leaves its alarm set; the next is longer all the same.
        let given_up =
            tokio::time::timeout(Duration::from_secs(1), alarm.sleep(Duration::from_secs(5)));
        assert!(given_up.await.is_err());
        alarm.sleep(Duration::from_secs(5)).await;
        assert_eq!(began.elapsed(), Duration::from_secs(27));
    }
}
