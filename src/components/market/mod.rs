//! The economy: traders and markets.
