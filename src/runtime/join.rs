//! Waiting for several things at once.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

/// Runs futures side by side until all are done, and gives their results in the same order.
///
/// Those that were woken are polled, in the order in which they were given: which of them was
/// woken first makes no difference.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use gyre::join_all;
/// use tokio::sync::oneshot;
///
/// let (to_first, first) = oneshot::channel();
/// let (to_second, second) = oneshot::channel();
/// to_second.send("what n2 says").unwrap(); // it is the first to answer
/// to_first.send("what n1 says").unwrap();
/// assert_eq!(join_all([first, second]).await, [Ok("what n1 says"), Ok("what n2 says")]);
/// # });
/// ```
pub async fn join_all<T>(futures: impl IntoIterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let parent = Arc::new(Mutex::new(Waker::noop().clone()));
    let mut children: Vec<_> =
        futures.into_iter().map(|future| Child::new(future, &parent)).collect();
    poll_fn(|context| {
        parent.lock().expect("no task panics here").clone_from(context.waker());
        let mut waiting = 0;
        for child in &mut children {
            child.poll();
            waiting += usize::from(child.result.is_none());
        }
        if waiting == 0 { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    children.into_iter().map(|child| child.result.expect("every future is done")).collect()
}

/// One of the futures.
struct Child<F, T> {
    future: Pin<Box<F>>,
    flag: Arc<Flag>,
    result: Option<T>,
}

/// Whether a future may go on. Waking it wakes the task that all of them are part of.
struct Flag {
    is_woken: AtomicBool,
    parent: Arc<Mutex<Waker>>,
}

impl Wake for Flag {
    fn wake(self: Arc<Flag>) {
        self.is_woken.store(true, Ordering::Relaxed);
        self.parent.lock().expect("no task panics here").wake_by_ref();
    }
}

impl<T, F: Future<Output = T>> Child<F, T> {
    fn new(future: F, parent: &Arc<Mutex<Waker>>) -> Child<F, T> {
        let flag = Flag { is_woken: AtomicBool::new(true), parent: Arc::clone(parent) };
        Child { future: Box::pin(future), flag: Arc::new(flag), result: None }
    }

    fn poll(&mut self) {
        if self.result.is_none() && self.flag.is_woken.swap(false, Ordering::Relaxed) {
            let waker = Waker::from(Arc::clone(&self.flag));
            if let Poll::Ready(value) = self.future.as_mut().poll(&mut Context::from_waker(&waker))
            {
                self.result = Some(value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn all_run_side_by_side_and_results_keep_their_order() {
        let wakers: RefCell<Vec<Waker>> = RefCell::default();
        // Each is done at its second poll, and tells how to wake it at the first.
        let child = |number: u32| {
            let (wakers, mut polls) = (&wakers, 0);
            poll_fn(move |context| {
                polls += 1;
                wakers.borrow_mut().push(context.waker().clone());
                if polls > 1 { Poll::Ready(number) } else { Poll::Pending }
            })
        };
        let mut all = Box::pin(join_all([child(3), child(1), child(2)]));
        let mut context = Context::from_waker(Waker::noop());
        for woken in [2, 0, 1] {
            assert!(all.as_mut().poll(&mut context).is_pending());
            let waker = wakers.borrow()[woken].clone();
            waker.wake();
        }
        assert_eq!(all.as_mut().poll(&mut context), Poll::Ready(vec![3, 1, 2]));
        assert_eq!(wakers.borrow().len(), 6, "only who was woken is polled again");
        let mut none = Box::pin(join_all(Vec::<std::future::Ready<()>>::new()));
        assert_eq!(none.as_mut().poll(&mut context), Poll::Ready(vec![]));
    }
}
