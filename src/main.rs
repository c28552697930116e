//! callcast.
fn main() {}
