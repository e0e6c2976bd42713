//! Lets libFuzzer try inputs on the target that `LTN_FUZZ_TARGET` names.

#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use ltn_fuzz::Target;

static TARGET: OnceLock<Target> = OnceLock::new();

fuzz_target!(|data: &[u8]| {
    let target = TARGET.get_or_init(|| {
        let name = std::env::var("LTN_FUZZ_TARGET").expect("LTN_FUZZ_TARGET names the target");
        Target::named(&name).expect("LTN_FUZZ_TARGET names a target that there is")
    });
    (target.run)(data);
});
