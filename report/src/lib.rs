//! What people read of a study: self-contained pages with curves, and the same as JSON.
//!
//! Pure: records in, text out. A page loads nothing: style, curves and pictures are inside it.
