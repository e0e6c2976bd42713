//! (signatures first; filled in next)
