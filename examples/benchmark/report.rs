//! What was measured, as tables for people and as JSON with every sample for programs. Not here: the measuring.

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
    /// None of the samples may be above this, whatever the median of what was measured beside it.
    NoneAbove {
        most: f64,
        limit: &'static str,
        samples: Vec<f64>,
    },
    Exactly(f64),
}

/// What it was measured on.
pub(crate) struct Machine {
    cores: usize,
    gibibytes: u64,
}

/// One size, of which the growth can be seen.
pub(crate) struct Size {
    pub(crate) mappings: u32,
    /// One more apply, the two hops and one PUT beside it, in milliseconds.
    pub(crate) applies: Vec<f64>,
    pub(crate) floors: Vec<f64>,
    pub(crate) puts: Vec<f64>,
    /// The most memory that it ever held, in MiB.
    pub(crate) peak: f64,
    /// Writes of aws-auth at a cold start.
    pub(crate) start_writes: f64,
    /// Of one apply.
    pub(crate) requests: f64,
    /// Of one apply, to the API server and back.
    pub(crate) kilobytes: (f64, f64),
}

pub(crate) struct Report {
    pub(crate) machine: Machine,
    pub(crate) sizes: Vec<Size>,
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
            Bound::NoneAbove { most, .. } => self.samples.iter().all(|sample| sample <= most),
            // Counts of things: small whole numbers.
            Bound::Exactly(number) => (figure - number).abs() < 0.5,
        }
    }

    /// The cells of the table.
    fn cells(&self) -> [String; 7] {
        let (limit, ratio, bound) = match &self.bound {
            Bound::Times { times, limit, samples } => {
                let beside = median(samples);
                let ratio = format!("{:.2}", self.figure() / beside);
                (format!("{} ({limit})", number(beside)), ratio, format!("<= {times} times"))
            }
            Bound::AtMost(most) => (String::new(), String::new(), format!("<= {most}")),
            Bound::NoneAbove { most, limit, samples } => {
                let beside = median(samples);
                let ratio = format!("{:.2}", self.figure() / beside);
                let slowest = self.samples.iter().copied().fold(0.0, f64::max);
                let bound = format!("each <= {most}, slowest {}", number(slowest));
                (format!("{} ({limit})", number(beside)), ratio, bound)
            }
            Bound::Exactly(number) => (String::new(), String::new(), format!("= {number}")),
        };
        let verdict = if self.kept() { "ok" } else { "MISSED" };
        let name = format!("{}, {}", self.name, self.unit);
        // Of one number there is no spread.
        let p99 = match self.samples.as_slice() {
            [_] => String::new(),
            samples => number(percentile(samples, 99)),
        };
        [name, number(self.figure()), p99, limit, ratio, bound, verdict.to_owned()]
    }

    fn json(&self) -> Value {
        let bound = match &self.bound {
            Bound::Times { times, limit, samples } => json!({
                "times": times, "limit": limit, "limitMedian": median(samples), "limitSamples": samples,
            }),
            Bound::AtMost(most) => json!({ "atMost": most }),
            Bound::NoneAbove { most, limit, samples } => json!({
                "noneAbove": most, "limit": limit, "limitMedian": median(samples), "limitSamples": samples,
            }),
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
            "sizes": self.sizes.iter().map(Size::json).collect::<Vec<_>>(),
            "rows": self.rows.iter().map(Row::json).collect::<Vec<_>>(),
        })
    }
}

impl Size {
    const HEAD: [&str; 11] = [
        "mappings",
        "one more apply, p50",
        "p99",
        "floor",
        "ratio",
        "one PUT",
        "ratio",
        "peak memory",
        "writes of a cold start",
        "requests of an apply",
        "kB there and back",
    ];

    fn cells(&self) -> [String; 11] {
        let apply = median(&self.applies);
        let beside = |samples: &[f64]| {
            let limit = median(samples);
            (format!("{} ms", number(limit)), format!("{:.2}", apply / limit))
        };
        let ((floor, of_floor), (put, of_put)) = (beside(&self.floors), beside(&self.puts));
        let (there, back) = self.kilobytes;
        [
            self.mappings.to_string(),
            format!("{} ms", number(apply)),
            format!("{} ms", number(percentile(&self.applies, 99))),
            floor,
            of_floor,
            put,
            of_put,
            format!("{:.1} MiB", self.peak),
            number(self.start_writes),
            number(self.requests),
            format!("{there:.1} + {back:.1}"),
        ]
    }

    fn json(&self) -> Value {
        json!({
            "mappings": self.mappings, "applies": self.applies, "floors": self.floors, "puts": self.puts,
            "peakMiB": self.peak, "startWrites": self.start_writes, "requests": self.requests,
            "kilobytesThere": self.kilobytes.0, "kilobytesBack": self.kilobytes.1,
        })
    }
}

/// As Markdown tables.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Machine { cores, gibibytes } = self.machine;
        writeln!(f, "{cores} cores, {gibibytes} GiB.")?;
        if !self.sizes.is_empty() {
            let sizes: Vec<_> = self.sizes.iter().map(Size::cells).collect();
            writeln!(f)?;
            table(f, &Size::HEAD, &sizes)?;
        }
        let rows: Vec<_> = self.rows.iter().map(Row::cells).collect();
        writeln!(f)?;
        table(f, &["figure", "p50", "p99", "limit", "ratio", "bound", "verdict"], &rows)
    }
}

fn table<const N: usize>(f: &mut fmt::Formatter<'_>, head: &[&str; N], body: &[[String; N]]) -> fmt::Result {
    let head = head.map(str::to_owned);
    let mut widths = head.each_ref().map(|cell| cell.chars().count());
    for cells in body {
        for (width, cell) in widths.iter_mut().zip(cells) {
            *width = cell.chars().count().max(*width);
        }
    }
    let rule = widths.map(|width| "-".repeat(width));
    for cells in [&head, &rule].into_iter().chain(body) {
        for (cell, width) in cells.iter().zip(widths) {
            write!(f, "| {cell:width$} ")?;
        }
        writeln!(f, "|")?;
    }
    Ok(())
}

/// As many digits as mean something.
fn number(value: f64) -> String {
    if value.fract() == 0.0 || value >= 100.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

pub(crate) fn median(samples: &[f64]) -> f64 {
    percentile(samples, 50)
}

/// The sample that so many percent are not above.
pub(crate) fn percentile(samples: &[f64], percent: usize) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or(f64::NAN)
}
