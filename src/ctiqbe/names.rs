//! The enumerations: what the numbers mean, by the names of Cisco's client.
//!
//! A newtype over the wire's `int`, because a cluster may send a number that no table knows: it keeps its value and says so when printed.

use std::fmt;

use super::read::{Field, Reader};
use super::write::Writer;
use super::{DecodeError, schema::Vocabulary};

macro_rules! vocabulary {
    ($rust:ident $wire:literal $base:ident $($constant:ident $value:literal $name:literal $first:literal)*) => {
        #[doc = concat!("`", $wire, "`")]
        #[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $rust(pub i32);

        impl $rust {
            $(
                #[doc = concat!("`", $name, "`")]
                pub const $constant: Self = Self($value);
            )*
            /// Its values with their names.
            pub const VOCABULARY: Vocabulary =
                Vocabulary { name: $wire, base: super::schema::Base::$base, values: &[$(($value, $name, $first)),*] };

            /// The name of the value, if it has one.
            pub fn name(self) -> Option<&'static str> {
                Self::VOCABULARY.name_of(self.0)
            }
        }

        impl fmt::Display for $rust {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                Self::VOCABULARY.print(self.0, f)
            }
        }

        impl fmt::Debug for $rust {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                Self::VOCABULARY.print(self.0, f)
            }
        }

        impl<'a> Field<'a> for $rust {
            #[inline]
            fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
                reader.int().map(Self)
            }
            #[inline]
            fn write(&self, writer: &mut Writer<'_>) {
                writer.int(self.0);
            }
        }
    };
}

include!(concat!(env!("OUT_DIR"), "/enums.rs"));

impl CtiFailure {
    /// The result of a request that succeeded.
    pub const OK: Self = Self(0);

    /// Whether the request succeeded.
    pub fn is_ok(self) -> bool {
        self == Self::OK
    }
}
