//! The time a head may take, measured with one timer for each connection.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};

/// A connection's timer. hyper starts one for the head of every request and drops it when the head has come; to
/// enter each into the runtime's wheel and to take it out again costs a twentieth of an answer. Here one entry
/// stays: it may ring for a head that came long ago, and is then set for the present one. Of two waits at once the
/// later might not be woken; a connection reads one head at a time.
#[derive(Debug, Clone)]
pub(super) struct HeadTimer(Arc<Mutex<Pin<Box<tokio::time::Sleep>>>>);

impl HeadTimer {
    /// Set to ring after `first`, for whoever waits then.
    pub(super) fn new(first: Duration) -> Self {
        Self(Arc::new(Mutex::new(Box::pin(tokio::time::sleep(first)))))
    }
}

impl Timer for HeadTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(Wait { timer: self.clone(), deadline: deadline.into() })
    }

    fn now(&self) -> Instant {
        tokio::time::Instant::now().into()
    }
}

/// One wait.
struct Wait {
    timer: HeadTimer,
    deadline: tokio::time::Instant,
}

impl Sleep for Wait {}

impl Future for Wait {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut sleep = self.timer.0.lock().unwrap_or_else(PoisonError::into_inner);
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
    async fn each_wait_has_its_own_end_whatever_the_timer_was_set_for() {
        let timer = HeadTimer::new(Duration::from_secs(5));
        let began = tokio::time::Instant::now();
        for (wait, ends) in [(5, 5), (5, 10), (2, 12), (9, 21)] {
            timer.sleep(Duration::from_secs(wait)).await;
            assert_eq!(began.elapsed(), Duration::from_secs(ends));
        }
        // A wait that was given up leaves the timer set; the next ends later all the same.
        let given_up =
            tokio::time::timeout(Duration::from_secs(1), timer.sleep(Duration::from_secs(5)));
        assert!(given_up.await.is_err());
        timer.sleep(Duration::from_secs(5)).await;
        assert_eq!(began.elapsed(), Duration::from_secs(27));
    }
}
