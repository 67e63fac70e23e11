//! Models and updates between a coordinator and a site, over real sockets.

mod broken;
mod large;
mod place;
mod refused;
mod relay;
mod whole;
