//! How the words of the network (ids, names, addresses, paths) stand in a body.
//!
//! What is read is checked here, so that nobody meets an invalid name or a path without end.

use minicbor::decode::Error as DecodeError;
use minicbor::encode::Error as EncodeError;
use minicbor::encode::Write;
use minicbor::{Decode, Decoder, Encode, Encoder};

use crate::address::Address;
use crate::id::{NetworkId, NodeId};
use crate::limits::DEPTH_MAX;
use crate::name::Name;
use crate::path::NodePath;
use crate::permissions::Permission;

impl<C> Encode<C> for NodeId {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
        e.bytes(self.as_bytes())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for NodeId {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
        let bytes = d.bytes()?;
        let bytes = bytes.try_into().map_err(|_| DecodeError::message("an id has 32 bytes"))?;
        Ok(Self::from_bytes(bytes))
    }
}

impl<C> Encode<C> for NetworkId {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
        e.bytes(self.as_bytes())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for NetworkId {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
        let bytes = d.bytes()?;
        let bytes = bytes.try_into().map_err(|_| DecodeError::message("an id has 32 bytes"))?;
        Ok(Self::from_bytes(bytes))
    }
}

impl<C> Encode<C> for Permission {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
        e.str(self.as_str())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Permission {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
        Self::word(d.str()?).ok_or_else(|| DecodeError::message("not a permission"))
    }
}

impl<C> Encode<C> for Name {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
        e.str(self.as_str())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Name {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
        Self::known(d.str()?).map_err(|_| DecodeError::message("not a name"))
    }
}

impl<C> Encode<C> for Address {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
        e.str(self.as_str())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Address {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
        Ok(Self::new(d.str()?))
    }
}

impl<C> Encode<C> for NodePath {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
        e.array(self.names().len() as u64)?;
        for name in self.names() {
            e.str(name.as_str())?;
        }
        Ok(())
    }
}

impl<'b, C> Decode<'b, C> for NodePath {
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, DecodeError> {
        let names: Vec<Name> = d.decode_with(ctx)?;
        if names.len() > DEPTH_MAX {
            return Err(DecodeError::message("a path with too many layers"));
        }
        Ok(Self::from_names(names))
    }
}
