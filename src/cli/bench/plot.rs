//! Recall against queries per second as an SVG file, written by hand: one line per series, on a white card, so that it
//! can be read whatever the page around it looks like.

use std::fmt::Write;

/// One line of a plot.
#[derive(Debug)]
pub(super) struct Series {
    pub(super) name: String,
    /// Recall and queries per second, in any order; only the best are drawn.
    pub(super) points: Vec<(f64, f64)>,
}

/// Distinguishable with color blindness too (after Okabe and Ito).
const COLORS: [&str; 7] = [
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b8860b", "#56b4e9", "#333333",
];
const DASHES: [&str; 3] = ["none", "7 4", "2 3"];

const WIDTH: f64 = 820.0;
const HEIGHT: f64 = 480.0;
/// The plotting area: left, top, right, bottom.
const AREA: (f64, f64, f64, f64) = (76.0, 62.0, 650.0, 424.0);
/// Recall at the left edge, if anything reaches it.
const LEAST_RECALL: f64 = 0.8;

/// Where values go.
struct Axes {
    recall: (f64, f64),
    /// Decimal logarithms.
    qps: (f64, f64),
}

impl Axes {
    fn of(lines: &[Vec<(f64, f64)>]) -> Self {
        let speeds = || lines.iter().flatten().map(|point| point.1.log10());
        let (least, most) = (
            speeds().fold(f64::INFINITY, f64::min),
            speeds().fold(f64::NEG_INFINITY, f64::max),
        );
        let (least, most) = if least.is_finite() {
            (least, most)
        } else {
            (0.0, 1.0)
        };
        let left = lines.iter().flatten().map(|point| point.0).fold(1.0, f64::min);
        Self {
            recall: (if left < LEAST_RECALL { 0.0 } else { LEAST_RECALL }, 1.0),
            qps: (least - 0.15, most + 0.15),
        }
    }

    fn x(&self, recall: f64) -> f64 {
        AREA.0 + (recall - self.recall.0) / (self.recall.1 - self.recall.0) * (AREA.2 - AREA.0)
    }

    fn y(&self, qps: f64) -> f64 {
        AREA.3 - (qps.log10() - self.qps.0) / (self.qps.1 - self.qps.0) * (AREA.3 - AREA.1)
    }

    /// 1, 2 and 5 times powers of ten inside the axis.
    fn speeds(&self) -> impl Iterator<Item = f64> + '_ {
        let decades = self.qps.0.floor() as i32..=self.qps.1.ceil() as i32;
        decades
            .flat_map(|decade| [1.0, 2.0, 5.0].map(|step| step * 10_f64.powi(decade)))
            .filter(|speed| (self.qps.0..=self.qps.1).contains(&speed.log10()))
    }
}

/// The plot as a whole file.
pub(super) fn svg(title: &str, subtitle: &str, series: &[Series]) -> String {
    let lines: Vec<_> = series.iter().map(|series| frontier(&series.points)).collect();
    let axes = Axes::of(&lines);
    let mut out = String::new();
    // Writing to a String does not fail.
    let _ = write_frame(&mut out, &axes, title, subtitle);
    for (position, (series, line)) in series.iter().zip(&lines).enumerate() {
        let _ = write_line(&mut out, &axes, position, &series.name, line);
    }
    out.push_str("</svg>\n");
    out
}

/// The points that no other one beats in both recall and speed, by recall; those left of the axis only if there are no
/// others.
fn frontier(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut points: Vec<_> = points.iter().copied().filter(|point| point.1 > 0.0).collect();
    if points.iter().any(|point| point.0 >= LEAST_RECALL) {
        points.retain(|point| point.0 >= LEAST_RECALL);
    }
    points.sort_by(|a, b| b.0.total_cmp(&a.0).then(b.1.total_cmp(&a.1)));
    let mut fastest = 0.0;
    points.retain(|point| {
        let faster = point.1 > fastest;
        fastest = point.1.max(fastest);
        faster
    });
    points.reverse();
    points
}

fn write_frame(out: &mut String, axes: &Axes, title: &str, subtitle: &str) -> std::fmt::Result {
    let (left, top, right, bottom) = AREA;
    writeln!(
        out,
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" font-family="system-ui, sans-serif" font-size="13" fill="#1f2328">"##
    )?;
    writeln!(out, "<title>{}</title>", escaped(title))?;
    writeln!(
        out,
        r##"<rect x="0.5" y="0.5" width="{}" height="{}" rx="8" fill="#ffffff" stroke="#c8ccd1"/>"##,
        WIDTH - 1.0,
        HEIGHT - 1.0
    )?;
    writeln!(
        out,
        r#"<text x="{left}" y="28" font-size="16" font-weight="600">{}</text>"#,
        escaped(title)
    )?;
    writeln!(
        out,
        r##"<text x="{left}" y="48" fill="#57606a">{}</text>"##,
        escaped(subtitle)
    )?;
    for step in 0..=10 {
        let recall = axes.recall.0 + f64::from(step) / 10.0 * (axes.recall.1 - axes.recall.0);
        let x = axes.x(recall);
        writeln!(out, r##"<path d="M{x:.1} {top}V{bottom}" stroke="#e6e8eb"/>"##)?;
        writeln!(
            out,
            r#"<text x="{x:.1}" y="{}" text-anchor="middle">{recall:.2}</text>"#,
            bottom + 18.0
        )?;
    }
    for speed in axes.speeds() {
        let y = axes.y(speed);
        writeln!(out, r##"<path d="M{left} {y:.1}H{right}" stroke="#e6e8eb"/>"##)?;
        writeln!(
            out,
            r#"<text x="{}" y="{:.1}" text-anchor="end">{}</text>"#,
            left - 8.0,
            y + 4.5,
            grouped(speed)
        )?;
    }
    writeln!(
        out,
        r##"<path d="M{left} {top}V{bottom}H{right}" stroke="#57606a" fill="none"/>"##
    )?;
    let middle = f64::midpoint(left, right);
    writeln!(
        out,
        r#"<text x="{middle}" y="{}" text-anchor="middle">recall</text>"#,
        HEIGHT - 16.0
    )?;
    let middle = f64::midpoint(top, bottom);
    writeln!(
        out,
        r#"<text x="18" y="{middle}" text-anchor="middle" transform="rotate(-90 18 {middle})">queries per second</text>"#
    )
}

/// One series: its line, a dot per setting with its figures, and its name in the legend.
fn write_line(
    out: &mut String,
    axes: &Axes,
    position: usize,
    name: &str,
    line: &[(f64, f64)],
) -> std::fmt::Result {
    let color = COLORS[position % COLORS.len()];
    let dash = DASHES[position / COLORS.len() % DASHES.len()];
    let name = escaped(name);
    let stroke = format!(r#"stroke="{color}" stroke-width="2" stroke-dasharray="{dash}" fill="none""#);
    let place = |point: &(f64, f64)| format!("{:.1},{:.1}", axes.x(point.0), axes.y(point.1));
    let places: Vec<String> = line.iter().map(place).collect();
    writeln!(out, r#"<polyline points="{}" {stroke}/>"#, places.join(" "))?;
    for point in line {
        let (x, y) = (axes.x(point.0), axes.y(point.1));
        writeln!(
            out,
            r#"<circle cx="{x:.1}" cy="{y:.1}" r="3.5" fill="{color}"><title>{name}: {} QPS at recall {:.4}</title></circle>"#,
            grouped(point.1.round()),
            point.0
        )?;
    }
    let (x, y) = (AREA.2 + 16.0, AREA.1 + 12.0 + 20.0 * position as f64);
    writeln!(out, r#"<path d="M{x} {y}h24" {stroke}/>"#)?;
    writeln!(out, r#"<text x="{}" y="{}">{name}</text>"#, x + 32.0, y + 4.5)
}

/// A number of queries per second with commas.
fn grouped(number: f64) -> String {
    if number < 1.0 {
        return number.to_string();
    }
    let digits = format!("{number:.0}");
    let mut out = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Text as XML takes it; what XML cannot hold becomes a replacement character.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            character if character.is_control() => out.push('\u{fffd}'),
            character => out.push(character),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails unless the text is one element with matching tags, quoted attributes and no stray markup.
    fn assert_well_formed(xml: &str) {
        let mut open = Vec::new();
        let mut rest = xml.trim_end();
        while let Some(after) = rest.strip_prefix('<') {
            let (tag, text) = after.split_once('>').unwrap();
            assert!(!tag.contains('<'), "{tag}");
            if let Some(name) = tag.strip_prefix('/') {
                assert_eq!(open.pop(), Some(name), "{tag}");
            } else {
                let (tag, closed) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
                let name = tag.split(' ').next().unwrap();
                let attributes: Vec<&str> = tag[name.len()..].split('"').collect();
                assert!(
                    attributes.len() % 2 == 1 && attributes.last().unwrap().is_empty(),
                    "{tag}"
                );
                let mut names: Vec<&str> = attributes.iter().copied().step_by(2).collect();
                names.pop();
                for name in &names {
                    assert!(
                        name.starts_with(' ') && name.ends_with('=') && name.len() > 2,
                        "{tag}"
                    );
                }
                names.sort_unstable();
                assert!(names.is_sorted_by(|a, b| a < b), "an attribute twice: {tag}");
                if !closed {
                    open.push(name);
                }
            }
            let (text, _) = text.split_once('<').unwrap_or((text, ""));
            for entity in text.split('&').skip(1) {
                let known = ["amp;", "lt;", "gt;", "quot;", "apos;"];
                assert!(known.iter().any(|name| entity.starts_with(name)), "{text}");
            }
            assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
            assert!(!open.is_empty() || text.trim().is_empty(), "text outside: {text}");
            rest = &after[after.find('>').unwrap() + 1 + text.len()..];
        }
        assert!(open.is_empty() && rest.is_empty(), "{open:?} {rest}");
    }

    fn series(name: &str, points: &[(f64, f64)]) -> Series {
        Series {
            name: name.to_owned(),
            points: points.to_vec(),
        }
    }

    #[test]
    fn plots_are_well_formed_whatever_the_names_and_points() {
        let odd = "a<b> & \"c\" 'd' \u{1}\u{fffe}";
        let many: Vec<Series> = (0..30)
            .map(|at| series(odd, &[(0.9, f64::from(at) + 1.0)]))
            .collect();
        for lines in [
            Vec::new(),
            vec![series("none", &[])],
            vec![series("one", &[(1.0, 5_000.0)])],
            vec![series("low", &[(0.1, 0.002), (0.2, 0.0)])],
            vec![
                series("a", &[(0.85, 1e6), (0.99, 10.0)]),
                series(odd, &[(1.0, 3.0)]),
            ],
            many,
        ] {
            let plot = svg(odd, odd, &lines);
            assert_well_formed(&plot);
            assert!(!plot.contains("NaN") && !plot.contains("inf"), "{plot}");
        }
    }

    #[test]
    fn the_check_for_well_formedness_can_fail() {
        for bad in [
            "<a>",
            "<a></b>",
            "<a b=c/>",
            "<a b=\"1\" b=\"2\"/>",
            "<a>&x;</a>",
            "<a/>b",
            "<a><b</a>",
        ] {
            assert!(
                std::panic::catch_unwind(|| assert_well_formed(bad)).is_err(),
                "{bad}"
            );
        }
    }

    #[test]
    fn only_the_best_points_are_drawn() {
        let points = [
            (0.99, 100.0),
            (0.5, 9_000.0),
            (0.9, 300.0),
            (0.95, 80.0),
            (0.9, 200.0),
        ];
        assert_eq!(frontier(&points), [(0.9, 300.0), (0.99, 100.0)]);
        let axes = Axes::of(&[frontier(&points)]);
        assert!(axes.x(0.8) == AREA.0 && axes.x(1.0) == AREA.2);
        assert!(axes.y(300.0) < axes.y(100.0) && axes.y(300.0) > AREA.1 && axes.y(100.0) < AREA.3);
        assert_eq!(axes.speeds().collect::<Vec<_>>(), [100.0, 200.0]);
        assert_eq!(
            [0.5, 1.0, 999.0, 1_000.0, 1_234_567.0].map(grouped),
            ["0.5", "1", "999", "1,000", "1,234,567"]
        );
    }
}
