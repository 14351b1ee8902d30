//! What the tests share: the installed library and model, and a model so small that a test can write it.

#![allow(dead_code, reason = "each test binary uses its part")]

pub mod cross;
pub mod installed;
pub mod protobuf;
pub mod tiny;
