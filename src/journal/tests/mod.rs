//! The log as a whole.

mod append;
mod crashes;
mod erasing;
mod faults;
mod model;
mod reading;
mod retention;
mod support;
