//! How the operator grows with the number of mappings, as a picture: time beside its limits, and memory.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::Context as _;

use crate::report::{Size, median, percentile};

const WIDTH: f64 = 420.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 56.0;
const TOP: f64 = 44.0;

/// One of the pictures side by side.
struct Panel<'a> {
    title: &'a str,
    /// Whether ten times as much is as far up everywhere.
    logarithmic: bool,
    /// Lines across, from the least to the most.
    ticks: &'a [f64],
    series: &'a [Series<'a>],
}

struct Series<'a> {
    name: &'a str,
    colour: &'a str,
    /// By mappings.
    points: Vec<(f64, f64)>,
}

/// Draws `docs/growth.svg`.
pub(crate) fn growth(sizes: &[Size]) -> anyhow::Result<()> {
    let series = |name, colour, value: fn(&Size) -> f64| Series {
        name,
        colour,
        points: sizes.iter().map(|size| (f64::from(size.mappings), value(size))).collect(),
    };
    let times = [
        series("one more apply, p99", "#f4a582", |size| percentile(&size.applies, 99)),
        series("one more apply, p50", "#b2182b", |size| median(&size.applies)),
        series("floor of two hops", "#4393c3", |size| median(&size.floors)),
        series("one PUT", "#053061", |size| median(&size.puts)),
    ];
    let memory = [series("peak memory", "#1b7837", |size| size.peak)];
    let time = Panel {
        title: "milliseconds",
        logarithmic: true,
        ticks: &[1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0],
        series: &times,
    };
    let memory = Panel {
        title: "MiB",
        logarithmic: false,
        ticks: &[0.0, 8.0, 16.0, 24.0, 32.0, 40.0],
        series: &memory,
    };
    let (width, height) = (2.0 * (LEFT + WIDTH) + 24.0, TOP + HEIGHT + 40.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    time.draw(&mut svg, LEFT)?;
    memory.draw(&mut svg, 2.0 * LEFT + WIDTH)?;
    svg.push_str("</svg>\n");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/growth.svg");
    fs::write(&path, svg).with_context(|| format!("write {}", path.display()))
}

impl Panel<'_> {
    fn draw(&self, svg: &mut String, left: f64) -> anyhow::Result<()> {
        let scale = |value: f64| if self.logarithmic { value.log10() } else { value };
        let (least, most) = self.ticks.first().zip(self.ticks.last()).context("no ticks")?;
        let y = |value: f64| {
            TOP + HEIGHT * (1.0 - (scale(value) - scale(*least)) / (scale(*most) - scale(*least)))
        };
        // From 10 to 5,000 mappings.
        let x = |mappings: f64| left + WIDTH * (mappings.log10() - 1.0) / (5_000_f64.log10() - 1.0);
        writeln!(svg, "<text x=\"{left}\" y=\"16\" font-weight=\"bold\">{}</text>", self.title)?;
        for &tick in self.ticks {
            let (y, right) = (y(tick), left + WIDTH);
            writeln!(svg, "<path d=\"M{left:.1} {y:.1}H{right:.1}\" stroke=\"#ddd\"/>")?;
            writeln!(
                svg,
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{tick}</text>",
                left - 6.0,
                y + 4.0
            )?;
        }
        for mappings in [10.0, 100.0, 1_000.0, 5_000.0] {
            let (x, y) = (x(mappings), TOP + HEIGHT + 18.0);
            writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\">{mappings}</text>")?;
        }
        let (middle, bottom) = (left + WIDTH / 2.0, TOP + HEIGHT + 34.0);
        writeln!(svg, "<text x=\"{middle:.1}\" y=\"{bottom:.1}\" text-anchor=\"middle\">mappings</text>")?;
        let mut name_at = left;
        for Series { name, colour, points } in self.series {
            let line: Vec<String> = points
                .iter()
                .map(|&(mappings, value)| format!("{:.1},{:.1}", x(mappings), y(value)))
                .collect();
            let line = line.join(" ");
            writeln!(
                svg,
                "<polyline points=\"{line}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>"
            )?;
            for &(mappings, value) in points {
                writeln!(
                    svg,
                    "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"{colour}\"/>",
                    x(mappings),
                    y(value)
                )?;
            }
            writeln!(svg, "<text x=\"{name_at:.1}\" y=\"34\" fill=\"{colour}\">{name}</text>")?;
            name_at += 118.0;
        }
        Ok(())
    }
}
