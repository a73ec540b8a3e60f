//! Small files made here, and what they must become.
