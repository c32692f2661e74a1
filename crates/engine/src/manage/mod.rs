//! Management functions (being built).
