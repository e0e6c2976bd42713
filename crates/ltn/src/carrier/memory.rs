//! (signatures first; filled in next)

/// A net inside one process; clones are the same net.
#[derive(Debug, Clone, Default)]
pub(crate) struct MemoryNet {}
