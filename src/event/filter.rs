//! What a consumer asks for.

/// Everything that concerns any of these.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Names of devices.
    pub devices: Vec<String>,
    /// Directory numbers.
    pub lines: Vec<String>,
    /// Ids of users.
    pub users: Vec<String>,
    /// Everything.
    pub all: bool,
}

impl Filter {
    /// How many texts it has: what a limit on subscriptions counts.
    pub fn len(&self) -> usize {
        self.devices.len() + self.lines.len() + self.users.len() + usize::from(self.all)
    }

    /// Whether it asks for nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
