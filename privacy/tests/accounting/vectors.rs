//! Reading of the vectors. They lie beside the repository; without them a test says so and passes.

use serde_json::Value;

/// One case: its parameters and what others computed.
pub struct Case(Value);

/// All cases of a kind; empty, with a line, where there are no vectors.
pub fn cases(kind: &str) -> Vec<Case> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/vectors/accounting.json");
    let Ok(text) = std::fs::read_to_string(path) else {
        println!("skipped {kind}: there are no vectors at {path}");
        return Vec::new();
    };
    let file: Value = serde_json::from_str(&text).expect("the vectors are JSON");
    let all = file["cases"].as_array().expect("the vectors have cases").clone();
    let found: Vec<Case> = all.into_iter().filter(|case| case["kind"] == kind).map(Case).collect();
    assert!(!found.is_empty(), "no case of kind {kind}");
    found
}

impl Case {
    /// The case's name.
    pub fn id(&self) -> &str {
        self.0["id"].as_str().expect("a case has a name")
    }

    /// A parameter.
    pub fn parameter(&self, name: &str) -> f64 {
        self.0["params"][name].as_f64().unwrap_or_else(|| panic!("{} has no {name}", self.id()))
    }

    /// A list or object among the parameters.
    pub fn raw(&self, name: &str) -> &Value {
        &self.0["params"][name]
    }

    /// A field of the first result whose method starts so; `None` if there is none.
    pub fn result(&self, method: &str, field: &str) -> Option<f64> {
        self.results(method).next().and_then(|result| result[field].as_f64())
    }

    /// The results whose method starts so.
    pub fn results(&self, method: &str) -> impl Iterator<Item = &Value> {
        let all = self.0["results"].as_array().expect("a case has results").iter();
        all.filter(move |result| result["method"].as_str().is_some_and(|name| name.starts_with(method)))
    }
}
