//! Hostile bytes in transfers.

use super::Receipt;
use super::words::{Offer, verdict};
use crate::streams::trying::at_once;

/// Takes these bytes for an offer, a word on it and a receipt.
pub fn transfer_bytes(data: &[u8]) {
    if let Ok(offer) = Offer::from_bytes(data) {
        let again = Offer::from_bytes(&offer.to_bytes());
        assert_eq!(again.ok().as_ref(), Some(&offer), "it says the same when it is told on");
    }
    if let Ok(Err(refusal)) = at_once(verdict(&mut &*data)) {
        assert!(!refusal.text.contains(char::is_control), "{:?}", refusal.text);
    }
    if let Ok(receipt) = at_once(Receipt::read(&mut &*data)) {
        let mut again = Vec::new();
        at_once(receipt.write(&mut again)).expect("memory takes it");
        assert_eq!(again, data);
    }
}
