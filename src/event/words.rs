//! Closed vocabularies of events: each word is written once, with what it means.

/// What a `#[doc]` attribute says; nothing for any other attribute.
macro_rules! said {
    (doc = $text:literal) => {
        $text
    };
    ($($other:tt)*) => {
        ""
    };
}
pub(super) use said;

/// An enumeration whose variants are words of events. The comment of a variant goes into the schemas and the documentation.
macro_rules! words {
    ($(#[$($of_all:tt)*])* $name:ident { $($(#[$($of_one:tt)*])* $variant:ident $word:expr,)* }) => {
        $(#[$($of_all)*])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[$($of_one)*])* $variant,)*
        }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// As events write it.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }

            /// What it means, for people.
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!($($crate::event::words::said!($($of_one)*)),*).trim_ascii(),)*
                }
            }
        }
    };
}
pub(super) use words;
