//! How much was charged: the accountant, its second opinion, and ε for the whole of δ.

use super::record::{Accounting, ChargeLine, CurvePoint};
use crate::chart::{Axes, Curve, line_chart};
use crate::numbers::{power, rounded_up, significant};
use crate::page::EPSILON_DECIMALS;
use crate::terms::{Term, terms};
use crate::text::visible;
use maud::{Markup, html};

/// The facts and the curve.
pub(crate) fn accounting(accounting: &Accounting) -> Markup {
    html! {
        (terms(&facts(accounting)))
        @if accounting.curve.len() > 1 { (curve(accounting)) }
    }
}

/// A row for each kind of release.
pub(crate) fn charges(charges: &[ChargeLine]) -> Markup {
    if charges.is_empty() {
        return html! { p.note { "Nothing has been charged yet." } };
    }
    html! {
        div.scroll {
            table {
                thead {
                    tr {
                        th.words scope="col" { "Released" }
                        th.words scope="col" { "Mechanism" }
                        th scope="col" { "Times" }
                        th scope="col" { "ε alone" }
                    }
                }
                tbody {
                    @for charge in charges {
                        tr {
                            th.words scope="row" { (visible(&charge.what)) }
                            td.words { (visible(&charge.mechanism)) }
                            td { (charge.times) }
                            td { (rounded_up(charge.epsilon_alone, EPSILON_DECIMALS)) }
                        }
                    }
                }
            }
        }
        p.note { "Each line by itself, at the δ of the study. The lines are not to be added: composed, they cost less." }
    }
}

fn facts(accounting: &Accounting) -> Vec<Term> {
    let mut facts = vec![
        Term::new("Accountant", format!("{}, {}", accounting.accountant, accounting.version)),
        Term::new("Grid of privacy losses", significant(accounting.grid, GRID_DIGITS)),
        Term::new("ε of everything the plan may charge", rounded_up(accounting.epsilon_planned, BOUND_DECIMALS)),
        Term::new("ε charged so far", rounded_up(accounting.epsilon_spent, BOUND_DECIMALS)),
        Term::new("δ", small_for(accounting.delta)),
    ];
    if !accounting.curve.is_empty() {
        let point =
            |point: &CurvePoint| format!("{} at {}", rounded_up(point.epsilon, EPSILON_DECIMALS), power(point.delta));
        let points: Vec<String> = accounting.curve.iter().map(point).collect();
        facts.push(Term::new("ε of everything at other δ", points.join(", ")));
    }
    if let Some(second) = &accounting.second_opinion {
        let warning = if second.order_at_end {
            "; the best order is the last that was tried, so a lower bound may exist"
        } else {
            ""
        };
        let order = significant(second.order, GRID_DIGITS);
        let words = format!("ε ≤ {} at order {order}{warning}", rounded_up(second.epsilon, BOUND_DECIMALS));
        facts.push(Term::new("Second opinion, by Rényi divergence", words));
    }
    facts
}

/// A δ of one in the patients could be kept by publishing one of them; how many a site has is not on the page.
fn small_for(delta: f64) -> String {
    format!(
        "{}, below one in the patients of any site with fewer than {:.0}",
        power(delta),
        (1.0 / delta * (1.0 + 1e-12)).floor()
    )
}

fn curve(accounting: &Accounting) -> Markup {
    let axes = Axes {
        title: "ε of everything the plan may charge, for the whole of δ".into(),
        x: "−log₁₀ δ: 5 is one in 100 000".into(),
        y: "ε".into(),
        y_range: Some((0.0, accounting.epsilon_planned)),
    };
    let points = accounting.curve.iter().map(|point| (-point.delta.log10(), point.epsilon)).collect();
    line_chart(&axes, &[Curve { name: "ε".into(), points }])
}

const BOUND_DECIMALS: usize = 4;
const GRID_DIGITS: usize = 3;
