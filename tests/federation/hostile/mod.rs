//! A coordinator that cheats, or that falls silent at an exact instant.
//!
//! It is the real one, with its library, sockets, mutual TLS and disk, in a process of its own; what is exchanged is the
//! service that its sites talk to ([`between::Between`]). So it has what a coordinator has: its TLS key, and all that
//! sites say to it; and it lacks what a coordinator lacks: the key of the roster's authority, and the signing keys of the sites.
//! The sites are `wardround site run`, as they are shipped. What crosses the line is in a transcript.

mod attacks;
mod between;
mod coordinator;
mod deaths;
mod halfway;
mod schemes;
mod silence;
mod stage;
mod transcript;
