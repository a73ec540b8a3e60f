//! Sources against what the tests make themselves.
