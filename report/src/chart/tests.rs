//! Facts about whole charts.

use super::series::Role;
use super::*;
use crate::samples;
use std::collections::BTreeSet;

fn axes() -> Axes {
    Axes { title: "Dice by round".into(), x: "round".into(), y: "Dice".into(), y_range: Some((0.0, 1.0)) }
}

fn curve(name: &str, points: &[(f64, f64)]) -> Curve {
    Curve { name: name.into(), points: points.to_vec() }
}

fn many(count: usize) -> Vec<Curve> {
    (0..count).map(|index| curve(&format!("site-{index}"), &[(1.0, 0.2), (2.0, 0.5)])).collect()
}

/// The y of every label at the end of a line.
fn label_places(svg: &str) -> Vec<f64> {
    let labels = svg.split("<text class=\"label\"").skip(1);
    labels.map(|text| text.split('"').nth(3).expect("y").parse().expect("a number")).collect()
}

#[test]
fn labels_of_lines_that_end_together_do_not_overlap() {
    let mut places = label_places(&standalone_svg(&axes(), &many(8)));
    places.sort_by(f64::total_cmp);
    assert_eq!(places.len(), 8);
    assert!(places.windows(2).all(|pair| pair[1] - pair[0] >= 14.9), "{places:?}");
}

#[test]
fn labels_without_room_are_left_to_the_legend() {
    let svg = standalone_svg(&axes(), &many(22));
    assert!(label_places(&svg).is_empty());
    assert!(svg.contains(">site-21<"));
}

#[test]
fn curves_beyond_the_limit_are_in_the_table_and_said() {
    let page = line_chart(&axes(), &many(CURVES_MAX + 3)).into_string();
    assert!(page.contains("24 of 27 curves are drawn; the others are in the table."));
    assert!(page.contains("<th scope=\"col\">site-26</th>"));
}

#[test]
fn the_first_210_curves_all_look_different() {
    let look = |index: usize| {
        let role = Role::Curve(index);
        (Ink::Paper.line(role), ink::dash(role), marker::marker(role, (0.0, 0.0), Ink::Paper, None).into_string())
    };
    let looks: BTreeSet<_> = (0..210).map(look).collect();
    assert_eq!(looks.len(), 210);
}

#[test]
fn points_that_are_not_finite_are_left_out_and_said() {
    let points = [(1.0, 0.1), (2.0, f64::NAN), (3.0, f64::INFINITY), (f64::NEG_INFINITY, 0.3), (5.0, 0.5)];
    let svg = standalone_svg(&axes(), &[curve("a", &points)]);
    assert!(svg.contains("Points left out because they are not finite numbers: a (3)."));
    assert!(!svg.contains("NaN") && !svg.contains("inf"));
}

#[test]
fn the_line_does_not_cross_a_gap() {
    let points = [(1.0, 0.1), (2.0, 0.2), (3.0, f64::NAN), (4.0, 0.4), (5.0, 0.5)];
    let svg = standalone_svg(&axes(), &[curve("a", &points)]);
    let traced = svg.split("d=\"").filter_map(|part| part.split('"').next());
    let line = traced.filter(|path| path.matches('M').count() == 2 && !path.contains('z'));
    assert_eq!(line.map(|path| path.matches('L').count()).collect::<Vec<_>>(), [2]);
}

#[test]
fn no_points_draw_an_empty_chart_that_says_so() {
    for curves in [vec![], vec![curve("a", &[])], vec![curve("a", &[(f64::NAN, 1.0)])]] {
        let svg = standalone_svg(&axes(), &curves);
        assert!(svg.contains("No values yet") && svg.contains(">0.8<"), "{svg}");
        samples::assert_well_formed(&svg);
    }
}

#[test]
fn a_single_point_is_a_marker_at_its_round() {
    let svg = standalone_svg(&axes(), &[curve("a", &[(1.0, 0.4)])]);
    assert!(svg.contains("<title>a, 1: 0.400</title>"));
    assert!(svg.contains(">1</text>") && !svg.contains(">1.5</text>"));
}

#[test]
fn the_axis_grows_rather_than_hide_a_point() {
    let svg = standalone_svg(&axes(), &[curve("a", &[(1.0, 0.4), (2.0, 1.7)])]);
    assert!(svg.contains(">2.0</text>"), "{svg}");
}

#[test]
fn any_extent_draws_only_finite_pixels() {
    for extreme in [1e-300, 1e12, -1e12, 1e13, 0.0, -0.0, f64::MAX, f64::MIN_POSITIVE] {
        let axes = Axes { y_range: None, ..axes() };
        let svg = standalone_svg(&axes, &[curve("a", &[(extreme, extreme), (0.0, 1.0), (1.0, extreme)])]);
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{extreme}: {svg}");
    }
}

#[test]
fn a_file_of_its_own_is_xml_with_fixed_colours() {
    let hostile = curve(samples::HOSTILE, &[(1.0, 0.4), (2.0, 0.5)]);
    let svg = standalone_svg(&Axes { title: samples::HOSTILE.into(), ..axes() }, &[hostile]);
    assert!(svg.starts_with("<?xml") && svg.contains("xmlns=\"http://www.w3.org/2000/svg\""));
    assert!(!svg.contains("var(") && !svg.contains("currentColor"));
    assert!(!svg.contains("<script") && !svg.contains('\u{0}') && !svg.contains('\u{202e}'));
    samples::assert_well_formed(&svg);
}

#[test]
fn a_chart_on_a_page_follows_its_colours_and_can_be_read_aloud() {
    let page = line_chart(&axes(), &[curve("north", &[(1.0, 0.4), (2.0, 0.625)])]).into_string();
    assert!(page.contains("var(--line-1)") && page.contains("currentColor") && !page.contains("xmlns"));
    assert!(page.contains("<title>Dice by round</title><desc>Dice by round. north ends at 0.625.</desc>"));
    assert!(page.contains("<details>") && page.contains("<td>0.625</td>"));
    samples::assert_well_formed(&page);
}

#[test]
fn long_lines_have_few_markers() {
    let points: Vec<(f64, f64)> = (0..1000).map(|x| (f64::from(x), 0.5)).collect();
    let svg = standalone_svg(&axes(), &[curve("a", &points)]);
    assert!(svg.matches("<title>a, ").count() <= 21);
}
