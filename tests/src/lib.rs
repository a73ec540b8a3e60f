//! The tests of the whole are in `it/`; this library is empty on purpose.
