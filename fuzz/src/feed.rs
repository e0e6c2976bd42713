//! Bytes as decisions: what a target does next is read from its input. When that is at its end,
//! everything reads as zero.

/// See the module.
#[derive(Debug)]
pub(crate) struct Feed<'a>(&'a [u8]);

impl<'a> Feed<'a> {
    pub(crate) const fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All that is left.
    pub(crate) const fn rest(self) -> &'a [u8] {
        self.0
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.array::<1>()[0]
    }

    pub(crate) fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        let taken = self.take(N);
        array[..taken.len()].copy_from_slice(taken);
        array
    }

    pub(crate) fn number(&mut self) -> u64 {
        u64::from_be_bytes(self.array())
    }

    /// Up to so many bytes.
    pub(crate) fn take(&mut self, bytes: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(bytes.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// As many bytes as the next two say.
    pub(crate) fn piece(&mut self) -> &'a [u8] {
        let length = u16::from_be_bytes(self.array());
        self.take(length.into())
    }

    /// As many letters as the next byte says.
    pub(crate) fn word(&mut self) -> String {
        let length = self.byte();
        String::from_utf8_lossy(self.take(length.into())).into_owned()
    }
}
