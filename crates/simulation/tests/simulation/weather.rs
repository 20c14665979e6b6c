//! What goes wrong between an operator and the API server, by the dice of one schedule.
//!
//! Not here: what people do (`people`), when operators die of it (`replica`).

use std::time::Duration;

use fastrand::Rng;
use tokio::time::Instant;

use crate::api::Call;

/// How often each thing goes wrong, in thousandths.
#[derive(Debug, Clone)]
pub struct Climate {
    /// A request that goes wrong in any way.
    pub request: u32,
    /// Of those, one at which the operator is killed.
    pub crash: u32,
    /// A request that takes seconds.
    pub slow: u32,
    /// A watch that is cut, rewound, withheld or expires.
    pub watch: u32,
    /// A list that comes from a stale cache.
    pub stale: u32,
    /// A time in which nothing works.
    pub outage: u32,
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is carried out and answered.
    PassOn,
    /// It does not arrive, and the connection is cut.
    Drop,
    /// It does not arrive, and nobody says so.
    Stall,
    /// It is not carried out, and this is answered.
    Refuse(u16),
    /// It is carried out, and the connection is cut.
    LoseAnswer,
    /// It is carried out, and nobody says so.
    StallAfter,
    /// It is carried out, and this is answered.
    AnswerAfter(u16),
    /// It is carried out twice, and answered once.
    Replay,
    /// The operator is killed before it is carried out.
    KillBefore,
    /// The operator is killed after it was carried out.
    KillAfter,
}

/// What happens to a request, and how long that takes.
#[derive(Debug, Clone, Copy)]
pub struct Way {
    pub fate: Fate,
    pub there: Duration,
    pub back: Duration,
    /// It is carried out though whoever sent it has given up.
    pub goes_on: bool,
}

/// How a watch goes on.
#[derive(Debug, Clone, Copy)]
pub struct Course {
    /// By how many versions it begins too early.
    pub rewound: u64,
    /// From when to when nothing is told, if ever.
    pub withheld: Option<(Instant, Instant)>,
    /// When it ends, and how.
    pub end: Option<(Instant, End)>,
}

impl Course {
    /// In words, with times as they are from now on: an instant says nothing to a person.
    pub fn tell(&self) -> String {
        let now = Instant::now();
        let after = |at: Instant| at.saturating_duration_since(now);
        let withheld = self.withheld.map(|(from, until)| (after(from), after(until)));
        let end = self.end.map(|(at, end)| (after(at), end));
        format!("rewound by {}, withheld {withheld:?}, end {end:?}", self.rewound)
    }
}

/// How a watch ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// As if all were well.
    Quiet,
    /// In the middle of a line.
    Torn,
    /// With an error of the connection.
    Reset,
    /// It is told that its version is too old.
    Expired,
    /// It is told of another error.
    Error,
}

/// How a list lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Staleness {
    Fresh,
    /// As it was so many versions ago.
    Old(u64),
    /// Without those that came with the last so many versions.
    Lacking(u64),
}

/// The dice.
pub struct Weather {
    rng: Rng,
    climate: Climate,
    calm: bool,
    outage_until: Option<Instant>,
    /// How many things went wrong.
    pub faults: usize,
}

impl Weather {
    pub fn new(seed: u64, climate: Climate) -> Self {
        Self { rng: Rng::with_seed(seed), climate, calm: false, outage_until: None, faults: 0 }
    }

    /// From now on nothing goes wrong.
    pub fn calm_down(&mut self) {
        self.calm = true;
        self.outage_until = None;
    }

    fn strikes(&mut self, rate: u32) -> bool {
        let strikes = !self.calm && self.rng.u32(0..1000) < rate;
        self.faults += usize::from(strikes);
        strikes
    }

    fn milliseconds(&mut self, most: u64) -> Duration {
        Duration::from_millis(self.rng.u64(0..=most))
    }

    /// What becomes of this request.
    pub fn way(&mut self, call: &Call) -> Way {
        let (there, back, goes_on) = (self.milliseconds(3), self.milliseconds(3), self.rng.bool());
        let mut way = Way { fate: Fate::PassOn, there, back, goes_on };
        if self.outage_until.is_some_and(|until| until > Instant::now()) {
            self.faults += 1;
            way.fate = if self.rng.bool() { Fate::Drop } else { Fate::Refuse(503) };
            return way;
        }
        if self.strikes(self.climate.outage) {
            let long = self.milliseconds(60_000);
            self.outage_until = Some(Instant::now() + long);
        }
        if self.strikes(self.climate.slow) {
            way.there = self.milliseconds(6_000);
            way.back = self.milliseconds(6_000);
        }
        if self.strikes(self.climate.request) {
            way.fate = self.fate(call);
        }
        way
    }

    fn fate(&mut self, call: &Call) -> Fate {
        if self.rng.u32(0..1000) < self.climate.crash {
            return if self.rng.bool() { Fate::KillBefore } else { Fate::KillAfter };
        }
        let codes = [429, 500, 503, 504, 403, 401, 404];
        let code = codes[self.rng.usize(..codes.len())];
        if !call.is_write() {
            return match self.rng.u8(0..4) {
                0 => Fate::Drop,
                1 => Fate::Stall,
                _ => Fate::Refuse(code),
            };
        }
        match self.rng.u8(0..10) {
            0 => Fate::Drop,
            1 => Fate::Stall,
            2 => Fate::Refuse(409),
            3 => Fate::Refuse(code),
            4 | 5 => Fate::LoseAnswer,
            6 => Fate::StallAfter,
            7 => Fate::AnswerAfter(504),
            8 => Fate::AnswerAfter(500),
            _ => Fate::Replay,
        }
    }

    /// How a watch that begins now goes on.
    pub fn course(&mut self) -> Course {
        let now = Instant::now();
        let mut course = Course { rewound: 0, withheld: None, end: None };
        if self.strikes(self.climate.watch) {
            course.rewound = self.rng.u64(1..20);
        }
        if self.strikes(self.climate.watch) {
            let from = now + self.milliseconds(20_000);
            let most = if self.rng.u8(0..4) == 0 { 400_000 } else { 20_000 };
            course.withheld = Some((from, from + self.milliseconds(most)));
        }
        if self.strikes(self.climate.watch) {
            let ends = [End::Quiet, End::Torn, End::Reset, End::Expired, End::Error];
            let end = ends[self.rng.usize(..ends.len())];
            course.end = Some((now + self.milliseconds(30_000), end));
        }
        course
    }

    /// How a list lies that may be old, or only may lack something.
    pub fn staleness(&mut self, may_be_old: bool) -> Staleness {
        if !self.strikes(self.climate.stale) {
            return Staleness::Fresh;
        }
        let by = self.rng.u64(1..40);
        if may_be_old && self.rng.bool() { Staleness::Old(by) } else { Staleness::Lacking(by) }
    }

    /// Which of the versions from `oldest` to `now` a cache shows; sometimes it is not that far yet.
    pub fn moment(&mut self, oldest: u64, now: u64) -> u64 {
        if !self.strikes(self.climate.stale) {
            return now;
        }
        self.rng.u64(oldest.min(now).saturating_sub(1)..=now)
    }

    /// Whether a watch that begins now is refused because its version is too old.
    pub fn expires(&mut self) -> bool {
        self.strikes(self.climate.watch / 4)
    }
}
