//! `/metrics`, read as strictly as Prometheus reads it.

use std::collections::BTreeMap;

/// Every sample by its name with labels, as it is written.
#[derive(Debug)]
pub struct Metrics(BTreeMap<String, String>);

impl Metrics {
    /// Reads the text format: every sample belongs to the family that was declared last, no sample is there twice, and
    /// the end is marked.
    #[track_caller]
    pub fn parse(text: &str) -> Self {
        let body = text.strip_suffix("# EOF\n").expect("the end is marked");
        let mut samples = BTreeMap::new();
        let mut family = None;
        for line in body.lines() {
            if let Some(comment) = line.strip_prefix("# ") {
                let mut words = comment.splitn(3, ' ');
                let (kind, name, rest) = (words.next(), words.next().unwrap(), words.next());
                match kind {
                    Some("HELP") => family = Some(name),
                    Some("TYPE" | "UNIT") => assert_eq!(family, Some(name), "{line}"),
                    _ => panic!("no comment of the format: {line}"),
                }
                assert!(rest.is_some_and(|rest| !rest.is_empty()), "{line}");
                continue;
            }
            let (sample, value) = line.rsplit_once(' ').unwrap();
            let (name, labels) = sample.split_once('{').unwrap_or((sample, "}"));
            let family = family.expect("a family before its samples");
            let suffix = name.strip_prefix(family).expect("a sample of the family above it");
            assert!(["", "_total", "_info", "_bucket", "_sum", "_count"].contains(&suffix), "{line}");
            assert!(labels.ends_with('}'), "{line}");
            assert!(value.parse::<f64>().is_ok(), "no number: {line}");
            assert_eq!(samples.insert(sample.to_owned(), value.to_owned()), None, "twice: {sample}");
        }
        Self(samples)
    }

    /// A count, without the operator's prefix; 0 where there is none.
    #[track_caller]
    pub fn get(&self, sample: &str) -> usize {
        let value = self.0.get(&format!("aws_auth_operator_{sample}"));
        value.map_or(0, |value| value.parse().unwrap_or_else(|_| panic!("no count: {sample} {value}")))
    }

    /// Every request to the API server but those for the Lease and those that watch, counted by verb and resource.
    #[allow(dead_code, reason = "not every test binary counts them")]
    pub fn requests(&self) -> BTreeMap<String, usize> {
        let mut requests = BTreeMap::new();
        for (sample, count) in &self.0 {
            let Some(labels) = sample.strip_prefix("aws_auth_operator_api_requests_total") else { continue };
            let mut values = labels.split('"').skip(1).step_by(2);
            let (verb, resource) = (values.next().unwrap(), values.next().unwrap());
            if verb != "watch" && resource != "leases" {
                *requests.entry(format!("{verb} {resource}")).or_default() += count.parse::<usize>().unwrap();
            }
        }
        requests
    }

    /// Any number, without the operator's prefix.
    #[track_caller]
    pub fn number(&self, sample: &str) -> f64 {
        let value = self.0.get(&format!("aws_auth_operator_{sample}"));
        value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {sample}: {self:?}"))
    }

    /// Requests to the API server other than for the Lease that could change something there, with their number.
    pub fn writes(&self) -> BTreeMap<&str, &str> {
        self.0
            .iter()
            .filter_map(|(sample, count)| {
                Some((sample.strip_prefix("aws_auth_operator_api_requests_total")?, count.as_str()))
            })
            .filter(|(labels, _)| {
                !["get", "list", "watch"].iter().any(|verb| labels.contains(&format!("\"{verb}\"")))
            })
            .filter(|(labels, _)| !labels.contains("\"leases\""))
            .collect()
    }
}
