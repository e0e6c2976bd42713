//! Hostile bytes on data connections.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::chunks::first_whole;
use super::hop::Opening;

/// Takes these bytes for an opening, and for what stands in a stream.
pub fn stream_bytes(data: &[u8]) {
    let mut rest = data;
    if let Ok(opening) = at_once(Opening::read(&mut rest)) {
        let (mut again, mut once_more) = (Vec::new(), Vec::new());
        at_once(opening.write(&mut again)).expect("memory takes it");
        let read = at_once(Opening::read(&mut again.as_slice())).expect("it was read before");
        at_once(read.write(&mut once_more)).expect("memory takes it");
        assert_eq!((read, again), (opening, once_more));
    }
    let mut left = data;
    while let Ok(Some(whole)) = first_whole(left) {
        assert!(whole.bytes > 0 && whole.bytes <= left.len(), "{whole:?} of {}", left.len());
        left = &left[whole.bytes..];
    }
}

/// The result of reading or writing memory, which never waits.
pub(crate) fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => panic!("memory does not let anybody wait"),
    }
}
