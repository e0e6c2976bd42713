//! What the mind wants signed: it knows no secret, so the key stays here.

use ltn_proto::signature::Purpose;
use ltn_proto::{Input, SigningId};

use super::Driver;
use crate::notice::NoticeKind;

impl Driver {
    /// Signs with this node's key. It takes some thirty microseconds, so it is done at once.
    pub(super) fn sign(&mut self, signing: SigningId, purpose: Purpose, message: &[u8]) {
        let signature = match self.signer.sign(purpose, message) {
            Ok(signature) => Some(signature),
            Err(error) => {
                self.log.say(NoticeKind::Error, &format!("nothing can be signed: {error}"));
                None
            }
        };
        self.answers.push_back(Input::Signed { signing, signature });
    }
}
