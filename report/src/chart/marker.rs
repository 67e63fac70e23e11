//! The shapes at the points of a line.

use super::ink::Ink;
use super::series::Role;
use maud::{Markup, html};

/// Half the size of a marker in pixels.
const RADIUS: f64 = 4.0;

/// Corners of each shape in units of the radius; the first, without corners, is a circle.
const SHAPES: [&[(f64, f64)]; 7] = [
    &[],
    &[(-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)],
    &[(0.0, -1.15), (1.1, 0.85), (-1.1, 0.85)],
    &[(0.0, -1.25), (1.25, 0.0), (0.0, 1.25), (-1.25, 0.0)],
    &[(0.0, 1.15), (1.1, -0.85), (-1.1, -0.85)],
    &[
        (-0.4, -1.15),
        (0.4, -1.15),
        (0.4, -0.4),
        (1.15, -0.4),
        (1.15, 0.4),
        (0.4, 0.4),
        (0.4, 1.15),
        (-0.4, 1.15),
        (-0.4, 0.4),
        (-1.15, 0.4),
        (-1.15, -0.4),
        (-0.4, -0.4),
    ],
    &[(0.0, -1.15), (1.1, -0.35), (0.68, 0.95), (-0.68, 0.95), (-1.1, -0.35)],
];

/// A marker at a place, with words that a pointer resting on it shows. A level has none.
pub(super) fn marker(role: Role, (x, y): (f64, f64), ink: Ink, words: Option<&str>) -> Markup {
    let (shape, fill, stroke) = match role {
        Role::Curve(index) => (SHAPES[index % SHAPES.len()], ink.line(role), ink.paper()),
        Role::Mean => (SHAPES[0], ink.paper(), ink.line(role)),
        Role::Level => return html! {},
    };
    html! {
        path d=(outline(shape, x, y)) fill=(fill) stroke=(stroke) stroke-width=(stroke_width(role)) {
            @if let Some(words) = words { title { (words) } }
        }
    }
}

fn stroke_width(role: Role) -> &'static str {
    if role == Role::Mean { "2" } else { "0.8" }
}

fn outline(shape: &[(f64, f64)], x: f64, y: f64) -> String {
    if shape.is_empty() {
        let (left, across) = (x - RADIUS, 2.0 * RADIUS);
        return format!("M{left:.1} {y:.1}a{RADIUS} {RADIUS} 0 1 0 {across} 0a{RADIUS} {RADIUS} 0 1 0 -{across} 0z");
    }
    let corners: Vec<String> =
        shape.iter().map(|(dx, dy)| format!("{:.1} {:.1}", x + dx * RADIUS, y + dy * RADIUS)).collect();
    format!("M{}z", corners.join("L"))
}
