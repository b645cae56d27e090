//! Enums as bodies: a plain serde enum is a body whose `type` is the variant's name.
//!
//! serde_json writes the variant `EchoOk { echo }` as `{"echo_ok": {"echo": …}}`. Maelstrom
//! wants `{"type": "echo_ok", "echo": …}`, for which serde has the attribute `tag = "type"`. But
//! to read such an enum serde first copies the whole object into a buffer, which has no place
//! for numbers beyond 64 bits and no way to give a value's text. A body knows its `type` already
//! when it is read, so nothing has to be buffered: [`FromBody`] picks the variant, and serde_json
//! reads its fields straight from the text. [`ToBody`] is the way back.
//!
//! Only the outermost value is treated like this. Whatever is not an enum there, and an enum
//! with the attribute `tag`, is read and written as by serde_json alone.

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, EnumAccess, VariantAccess, Visitor};
use serde::ser::{Impossible, SerializeMap, SerializeStruct, SerializeStructVariant};
use serde::{Deserializer, Serialize, Serializer, forward_to_deserialize_any};
use serde_json::Error;

/// Reads the body that `inner` has before it.
pub(super) struct FromBody<'a, D> {
    /// The body's `type`.
    pub kind: &'a str,
    pub inner: D,
}

impl<'de, D: Deserializer<'de, Error = Error>> Deserializer<'de> for FromBody<'_, D> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.inner.deserialize_any(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_enum(self)
    }

    /// `Some` of the body itself.
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    /// serde_json's raw values come here.
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.inner.deserialize_newtype_struct(name, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.inner.deserialize_struct(name, fields, visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.inner.deserialize_ignored_any(visitor)
    }

    // A body is an object, so none of these can succeed but the last.
    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct identifier map
    }
}

impl<'de, 'a, D: Deserializer<'de, Error = Error>> EnumAccess<'de> for FromBody<'a, D> {
    type Error = Error;
    type Variant = Fields<D>;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Fields<D>), Error> {
        let name: StrDeserializer<'a, Error> =
            serde::de::IntoDeserializer::into_deserializer(self.kind);
        Ok((seed.deserialize(name)?, Fields(self.inner)))
    }
}

/// The fields of a variant: those of the body. What the variant does not know is passed over,
/// the `type` for one.
pub(super) struct Fields<D>(D);

impl<'de, D: Deserializer<'de, Error = Error>> VariantAccess<'de> for Fields<D> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        self.0.deserialize_ignored_any(serde::de::IgnoredAny).map(drop)
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Error> {
        seed.deserialize(self.0)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Error> {
        self.0.deserialize_tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.0.deserialize_struct("", fields, visitor)
    }
}

/// Writes a body with `inner`.
pub(super) struct ToBody<S> {
    pub inner: S,
    /// The `type`, when it is known before the value that has the other fields.
    pub kind: Option<&'static str>,
}

/// An object whose `type` is written.
pub(super) struct Object<S>(S);

impl<S: Serializer> ToBody<S> {
    fn object(self, name: &'static str, len: usize) -> Result<S::SerializeStruct, S::Error> {
        let mut object =
            self.inner.serialize_struct(name, len + usize::from(self.kind.is_some()))?;
        if let Some(kind) = self.kind {
            object.serialize_field("type", kind)?;
        }
        Ok(object)
    }
}

/// What is no object is no body.
fn no_body<T, E: serde::ser::Error>() -> Result<T, E> {
    Err(E::custom("a body must be a JSON object"))
}

macro_rules! refused {
    ($($method:ident($plain:ty))*) => {$(
        fn $method(self, _: $plain) -> Result<S::Ok, S::Error> {
            no_body()
        }
    )*};
}

impl<S: Serializer> Serializer for ToBody<S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Impossible<S::Ok, S::Error>;
    type SerializeTuple = Impossible<S::Ok, S::Error>;
    type SerializeTupleStruct = Impossible<S::Ok, S::Error>;
    type SerializeTupleVariant = Impossible<S::Ok, S::Error>;
    type SerializeMap = S::SerializeMap;
    type SerializeStruct = S::SerializeStruct;
    type SerializeStructVariant = Object<S::SerializeStruct>;

    fn serialize_struct(
        self,
        name: &'static str,
        len: usize,
    ) -> Result<S::SerializeStruct, S::Error> {
        self.object(name, len)
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        _index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Object<S::SerializeStruct>, S::Error> {
        ToBody { kind: Some(variant), ..self }.object(name, len).map(Object)
    }

    fn serialize_unit_variant(
        self,
        name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<S::Ok, S::Error> {
        ToBody { kind: Some(variant), ..self }.object(name, 0)?.end()
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        value.serialize(ToBody { kind: Some(variant), ..self })
    }

    fn serialize_map(self, len: Option<usize>) -> Result<S::SerializeMap, S::Error> {
        let mut object =
            self.inner.serialize_map(len.map(|len| len + usize::from(self.kind.is_some())))?;
        if let Some(kind) = self.kind {
            object.serialize_entry("type", kind)?;
        }
        Ok(object)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        value.serialize(self)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        value.serialize(self)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<S::Ok, S::Error> {
        no_body()
    }

    fn serialize_none(self) -> Result<S::Ok, S::Error> {
        no_body()
    }

    fn serialize_unit(self) -> Result<S::Ok, S::Error> {
        no_body()
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self::SerializeSeq, S::Error> {
        no_body()
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, S::Error> {
        no_body()
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleStruct, S::Error> {
        no_body()
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, S::Error> {
        no_body()
    }

    refused! {
        serialize_bool(bool) serialize_i8(i8) serialize_i16(i16) serialize_i32(i32)
        serialize_i64(i64) serialize_i128(i128) serialize_u8(u8) serialize_u16(u16)
        serialize_u32(u32) serialize_u64(u64) serialize_u128(u128) serialize_f32(f32)
        serialize_f64(f64) serialize_char(char) serialize_str(&str) serialize_bytes(&[u8])
    }
}

impl<S: SerializeStruct> SerializeStructVariant for Object<S> {
    type Ok = S::Ok;
    type Error = S::Error;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), S::Error> {
        self.0.serialize_field(key, value)
    }

    fn end(self) -> Result<S::Ok, S::Error> {
        self.0.end()
    }
}

#[cfg(test)]
mod tests;
