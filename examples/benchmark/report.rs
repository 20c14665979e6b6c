//! What was measured, as a table for people and as JSON with every sample for programs. Not here: the measuring.

use std::fmt;
use std::fs;
use std::thread;

use serde_json::{Value, json};

/// A figure and the bound that it is held to.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) unit: &'static str,
    /// The figure is their median.
    pub(crate) samples: Vec<f64>,
    pub(crate) bound: Bound,
}

/// What a figure is held to.
pub(crate) enum Bound {
    /// So many times the median of what was measured beside it.
    Times {
        times: f64,
        limit: &'static str,
        samples: Vec<f64>,
    },
    AtMost(f64),
    Exactly(f64),
}

/// What it was measured on.
pub(crate) struct Machine {
    cores: usize,
    gibibytes: u64,
}

pub(crate) struct Report {
    pub(crate) machine: Machine,
    pub(crate) rows: Vec<Row>,
}

impl Row {
    /// A figure that is one number.
    pub(crate) fn one(name: impl Into<String>, unit: &'static str, figure: f64, bound: Bound) -> Self {
        Self { name: name.into(), unit, samples: vec![figure], bound }
    }

    fn figure(&self) -> f64 {
        median(&self.samples)
    }

    fn kept(&self) -> bool {
        let figure = self.figure();
        match &self.bound {
            Bound::Times { times, samples, .. } => figure <= times * median(samples),
            Bound::AtMost(most) => figure <= *most,
            // Counts of things: small whole numbers.
            Bound::Exactly(number) => (figure - number).abs() < 0.5,
        }
    }

    /// The cells of the table.
    fn cells(&self) -> [String; 6] {
        let (limit, ratio, bound) = match &self.bound {
            Bound::Times { times, limit, samples } => {
                let beside = median(samples);
                let ratio = format!("{:.2}", self.figure() / beside);
                (format!("{} ({limit})", number(beside)), ratio, format!("<= {times} times"))
            }
            Bound::AtMost(most) => (String::new(), String::new(), format!("<= {most}")),
            Bound::Exactly(number) => (String::new(), String::new(), format!("= {number}")),
        };
        let verdict = if self.kept() { "ok" } else { "MISSED" };
        let name = format!("{}, {}", self.name, self.unit);
        [name, number(self.figure()), limit, ratio, bound, verdict.to_owned()]
    }

    fn json(&self) -> Value {
        let bound = match &self.bound {
            Bound::Times { times, limit, samples } => json!({
                "times": times, "limit": limit, "limitMedian": median(samples), "limitSamples": samples,
            }),
            Bound::AtMost(most) => json!({ "atMost": most }),
            Bound::Exactly(number) => json!({ "exactly": number }),
        };
        json!({
            "name": self.name, "unit": self.unit, "figure": self.figure(), "samples": self.samples,
            "bound": bound, "kept": self.kept(),
        })
    }
}

impl Machine {
    pub(crate) fn this() -> Self {
        let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let kibibytes: u64 =
            meminfo.split_whitespace().nth(1).and_then(|number| number.parse().ok()).unwrap_or(0);
        Self {
            cores: thread::available_parallelism().map_or(0, usize::from),
            gibibytes: (kibibytes + (1 << 19)) >> 20,
        }
    }
}

impl Report {
    pub(crate) fn kept(&self) -> bool {
        self.rows.iter().all(Row::kept)
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "machine": { "cores": self.machine.cores, "memoryGiB": self.machine.gibibytes },
            "rows": self.rows.iter().map(Row::json).collect::<Vec<_>>(),
        })
    }
}

/// As a Markdown table.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = ["figure", "value", "limit", "ratio", "bound", "verdict"].map(str::to_owned);
        let body: Vec<[String; 6]> = self.rows.iter().map(Row::cells).collect();
        let width = |column: usize| {
            body.iter().chain([&head]).map(|cells| cells[column].chars().count()).max().unwrap_or(0)
        };
        let widths = [0, 1, 2, 3, 4, 5].map(width);
        let line = |f: &mut fmt::Formatter<'_>, cells: &[String; 6]| {
            for (cell, width) in cells.iter().zip(widths) {
                write!(f, "| {cell:width$} ")?;
            }
            writeln!(f, "|")
        };
        writeln!(f, "{} cores, {} GiB\n", self.machine.cores, self.machine.gibibytes)?;
        line(f, &head)?;
        line(f, &widths.map(|width| "-".repeat(width)))?;
        body.iter().try_for_each(|cells| line(f, cells))
    }
}

/// As many digits as mean something.
fn number(value: f64) -> String {
    if value.fract() == 0.0 || value >= 100.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

fn median(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}
