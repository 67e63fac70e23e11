//! A network with a layer that cannot be trained privately.

/// A layer without a rule for the gradients of single patients.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{parameter}` of a layer `{layer}` has no rule for private gradients: write another [model] kind, or [privacy] mode = \"none\" if the site allows it"
)]
pub struct UnsupportedLayer {
    /// Name of the parameter.
    pub parameter: String,
    /// Type of the layer it belongs to.
    pub layer: String,
}
