//! The two text formats in which Prometheus reads metrics: `OpenMetrics` for whoever asks for it, else the older one,
//! which every scraper reads. Not what is counted: that is in [`super::metrics`].

/// What `/metrics` can be answered in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// <https://prometheus.io/docs/specs/om/open_metrics_spec/>, version 1.0.0.
    OpenMetrics,
    /// Prometheus' own text format, version 0.0.4.
    Prometheus,
}

impl Format {
    /// What a client asks for with its `Accept`. Whoever names no preference gets what everybody reads.
    #[must_use]
    pub fn asked_for(accept: &str) -> Self {
        if accept.contains("application/openmetrics-text") { Self::OpenMetrics } else { Self::Prometheus }
    }

    /// The media type to answer with.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        }
    }

    /// `text`, which is `OpenMetrics`, in this format.
    #[must_use]
    pub fn of(self, text: String) -> String {
        match self {
            Self::OpenMetrics => text,
            Self::Prometheus => prometheus(&text),
        }
    }
}

/// The older format has neither units, infos nor an end, and its families are called what their samples are called.
fn prometheus(open_metrics: &str) -> String {
    let mut text = String::with_capacity(open_metrics.len());
    let mut help = None;
    for line in open_metrics.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            // How the family is called is known by its type, which comes next.
            help = rest.split_once(' ').map(|(_, help)| help);
        } else if let Some((family, kind)) =
            line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' '))
        {
            let (suffix, kind) = match kind {
                "counter" => ("_total", kind),
                "info" => ("_info", "gauge"),
                "unknown" => ("", "untyped"),
                _ => ("", kind),
            };
            if let Some(help) = help.take() {
                text.extend(["# HELP ", family, suffix, " ", help, "\n"]);
            }
            text.extend(["# TYPE ", family, suffix, " ", kind, "\n"]);
        } else if !line.starts_with('#') {
            text.extend([line, "\n"]);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_asks_for_open_metrics_gets_it_and_everybody_else_what_everybody_reads() {
        let prometheus =
            "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4,*/*;q=0.1";
        assert_eq!(Format::asked_for(prometheus), Format::OpenMetrics);
        for other in ["", "*/*", "text/plain", "text/html, */*"] {
            assert_eq!(Format::asked_for(other), Format::Prometheus, "{other}");
        }
    }

    #[test]
    fn in_the_older_format_a_family_is_called_what_its_samples_are_called() {
        let open_metrics = "# HELP a_writes Writes.\n# TYPE a_writes counter\n# UNIT a_writes writes\na_writes_total{result=\"ok\"} 3\n\
                            # HELP a_build Version.\n# TYPE a_build info\na_build_info{version=\"1\"} 1\n\
                            # HELP a_leader Leads.\n# TYPE a_leader gauge\na_leader 0\n# EOF\n";
        assert_eq!(
            Format::Prometheus.of(open_metrics.to_owned()),
            "# HELP a_writes_total Writes.\n# TYPE a_writes_total counter\na_writes_total{result=\"ok\"} 3\n\
             # HELP a_build_info Version.\n# TYPE a_build_info gauge\na_build_info{version=\"1\"} 1\n\
             # HELP a_leader Leads.\n# TYPE a_leader gauge\na_leader 0\n"
        );
        assert_eq!(Format::OpenMetrics.of(open_metrics.to_owned()), open_metrics);
    }
}
