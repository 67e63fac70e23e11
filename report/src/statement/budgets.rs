//! What is allowed, what is spent, what is left, and who decides.

use super::record::{BudgetLine, DecisionLine, Officers};
use crate::numbers::{NONE, date, power, rounded_down, rounded_up};
use crate::page::EPSILON_DECIMALS;
use crate::terms::points;
use crate::text::visible;
use maud::{Markup, html};

/// A row for each budget.
pub(crate) fn budgets(budgets: &[BudgetLine]) -> Markup {
    if budgets.is_empty() {
        return html! { p.note { "No budget is recorded." } };
    }
    html! {
        div.scroll {
            table {
                thead {
                    tr {
                        th.words scope="col" { "Of" }
                        th scope="col" { "ε allowed" }
                        th scope="col" { "at δ" }
                        th scope="col" { "ε spent" }
                        th scope="col" { "ε reserved" }
                        th scope="col" { "ε left" }
                    }
                }
                tbody { @for budget in budgets { (row(budget)) } }
            }
        }
        p.note {
            "Reserved is what running studies may still charge, with what is spent already. Left is the budget less what is \
             reserved. What a crash left uncertain counts as spent."
        }
    }
}

fn row(budget: &BudgetLine) -> Markup {
    let left = budget.allowed_epsilon.map(|allowed| (allowed - budget.reserved_epsilon).max(0.0));
    let shown = |number: Option<f64>, show: fn(f64) -> String| number.map_or_else(|| NONE.into(), show);
    html! {
        tr {
            th.words scope="row" { (visible(&budget.scope)) }
            td { (shown(budget.allowed_epsilon, |epsilon| rounded_down(epsilon, EPSILON_DECIMALS))) }
            td { (shown(budget.allowed_delta, power)) }
            td { (rounded_up(budget.spent_epsilon, EPSILON_DECIMALS)) }
            td { (rounded_up(budget.reserved_epsilon, EPSILON_DECIMALS)) }
            td { (shown(left, |epsilon| rounded_down(epsilon, EPSILON_DECIMALS))) }
        }
    }
}

/// Who may change a budget.
pub(crate) fn officers(officers: &Officers) -> Markup {
    html! {
        p {
            "To raise a budget, " (persons(officers.signatures_to_raise)) " must sign; to lower one, "
            (persons(officers.signatures_to_lower)) ". The site refuses whatever is beyond a budget before a scan is read; \
             nobody outside the hospital can change one."
        }
        @if officers.named.is_empty() { p.note { "No officer is enrolled, so nobody can raise a budget." } }
        @else { (points(&officers.named)) }
        (decisions(&officers.decisions))
    }
}

fn decisions(decisions: &[DecisionLine]) -> Markup {
    if decisions.is_empty() {
        return html! { p.note { "They have decided nothing yet." } };
    }
    html! {
        div.scroll {
            table {
                thead {
                    tr {
                        th scope="col" { "Entry" }
                        th.words scope="col" { "When" }
                        th.words scope="col" { "Decided" }
                        th.words scope="col" { "Signed by" }
                    }
                }
                tbody {
                    @for one in decisions {
                        tr {
                            td { (one.entry) }
                            td.words { (date(one.at_ms)) }
                            td.words { (visible(&one.what)) }
                            td.words { @for key in &one.signed_by { code { (visible(key)) } " " } }
                        }
                    }
                }
            }
        }
    }
}

fn persons(number: u32) -> String {
    match number {
        1 => "one officer".into(),
        2 => "two officers".into(),
        number => format!("{number} officers"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_rounded_down_and_never_negative() {
        let budget = BudgetLine {
            scope: "heart".into(),
            allowed_epsilon: Some(8.0),
            allowed_delta: Some(1e-5),
            spent_epsilon: 2.0001,
            reserved_epsilon: 5.0001,
        };
        assert!(row(&budget).into_string().contains("<td>2.01</td><td>5.01</td><td>2.99</td>"));
        let over = BudgetLine { reserved_epsilon: 9.0, ..budget };
        assert!(row(&over).into_string().ends_with("<td>0.00</td></tr>"));
    }

    #[test]
    fn a_budget_that_nobody_set_is_a_dash() {
        let budget = BudgetLine {
            scope: "heart".into(),
            allowed_epsilon: None,
            allowed_delta: None,
            spent_epsilon: 0.0,
            reserved_epsilon: 0.0,
        };
        let row = row(&budget).into_string();
        assert!(row.contains("<td>–</td><td>–</td>") && row.ends_with("<td>–</td></tr>"), "{row}");
    }
}
