//! The accountants against reference values of other libraries, closed forms and 30-digit quadrature
//! (`shared/vectors/accounting.json`), and against what every accountant must obey.

mod charges;
mod extremes;
mod gaussian_cases;
mod laws;
mod other_cases;
mod pld_cases;
mod rdp_cases;
mod vectors;
