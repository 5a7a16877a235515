//! The counts as OpenMetrics text. How that is written is for `prometheus-client` to say; here are the names.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};

use super::{BUCKETS, METHODS, Metrics, STATUSES, Served};
use crate::options::Desk;

pub(crate) const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All that is counted, and how it stands at this moment.
pub(super) fn of(desk: &Desk) -> String {
    let mut registry = Registry::with_prefix("strongroom");
    registry.register_collector(Box::new(Seen {
        metrics: Arc::clone(&desk.metrics),
        at_work: desk.admission.at_work(),
        body_bytes: desk.budget.taken(),
        commits: desk.custodian.commits(),
    }));
    let mut text = String::new();
    text::encode(&mut text, &registry).expect("a string takes what is written");
    text
}

#[derive(Debug)]
struct Seen {
    metrics: Arc<Metrics>,
    /// With a proven key, and strangers.
    at_work: [u64; 2],
    body_bytes: u64,
    commits: u64,
}

type Row<const LABELS: usize> = ([(&'static str, &'static str); LABELS], u64);

impl Collector for Seen {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page(encoder);
        self.encode_requests(&mut page)?;
        self.encode_work(&mut page)?;
        self.encode_connections(&mut page)?;
        page.0
            .encode_descriptor("build", "Which strongroom this is", None, MetricType::Info)?
            .encode_info(&[("version", env!("CARGO_PKG_VERSION"))])
    }
}

impl Seen {
    fn encode_requests(&self, page: &mut Page<'_>) -> fmt::Result {
        let Metrics { routes, refusals, limited, .. } = &*self.metrics;
        let answered = routes.iter().flat_map(|(route, served)| served.rows(route));
        page.counters("requests", "Requests by route, method and status", answered)?;
        page.times(routes.iter())?;
        let refused = refusals.iter().map(|(code, count)| ([("code", *code)], load(count)));
        page.counters("refusals", "Refused requests by the code of the answer", refused)?;
        let limited = rows("by", ["address", "key"], limited);
        page.counters("rate_limited", "Requests that came too often", limited)
    }

    fn encode_work(&self, page: &mut Page<'_>) -> fmt::Result {
        let Metrics { refusals, deliveries, .. } = &*self.metrics;
        let [proven, strangers] = self.at_work;
        let at_work = [([("as", "proven")], proven), ([("as", "stranger")], strangers)];
        page.gauges(
            "requests_at_work",
            "Requests that are worked on, by what their sender has proven",
            at_work,
        )?;
        page.gauges("body_bytes", "Memory that bodies take, in and out", [([], self.body_bytes)])?;
        let deliveries = rows("as", ["run", "reveal"], deliveries);
        page.counters("deliveries", "Recorded deliveries of values", deliveries)?;
        page.counters("commits", "Changes and records made durable, many at once", [([], self.commits)])?;
        let failed = ["audit_unavailable", "outcome_unknown"].iter().filter_map(|code| refusals.get(code));
        page.counters(
            "audit_failures",
            "Requests whose audit record was not written for certain; nothing was done without one",
            [([], failed.map(load).sum())],
        )
    }

    fn encode_connections(&self, page: &mut Page<'_>) -> fmt::Result {
        let Some(connections) = self.metrics.connections.get() else { return Ok(()) };
        page.gauges("connections", "Connections that are open", [([], connections.are_open())])?;
        page.counters(
            "connections_accepted",
            "Connections that were let in",
            [([], connections.accepted())],
        )?;
        let refused = [([], connections.refused())];
        page.counters("connections_refused", "Connections beyond as many as there may be", refused)?;
        let over = connections.over().map(|(what, count)| ([("waiting_for", what)], count));
        page.counters("connections_timed_out", "Connections ended because their peer took too long", over)
    }
}

impl Served {
    fn rows(&self, route: &'static str) -> impl Iterator<Item = Row<3>> {
        let of_method = move |(method, counts): (&'static str, &[AtomicU64; STATUSES.len()])| {
            let labels = move |status| [("route", route), ("method", method), ("status", status)];
            let counts: Vec<_> = counts.iter().map(load).collect();
            STATUS_WORDS.into_iter().zip(counts).map(move |(status, count)| (labels(status), count))
        };
        // What never happened would be most of the page.
        METHODS.into_iter().zip(&self.answers).flat_map(of_method).filter(|(_, count)| *count > 0)
    }
}

/// `STATUSES` as labels.
const STATUS_WORDS: [&str; STATUSES.len()] = [
    "200", "204", "304", "400", "401", "403", "404", "405", "408", "409", "410", "412", "413", "415", "422",
    "429", "500", "503", "504", "other",
];

fn rows<const N: usize>(
    name: &'static str,
    words: [&'static str; N],
    counts: &[AtomicU64; N],
) -> impl Iterator<Item = Row<1>> {
    words.into_iter().zip(counts.each_ref().map(load)).map(move |(word, count)| ([(name, word)], count))
}

fn load(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}

struct Page<'a>(DescriptorEncoder<'a>);

impl Page<'_> {
    fn counters<const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        rows: impl IntoIterator<Item = Row<N>>,
    ) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (labels, count) in rows {
            metric.encode_family(&labels)?.encode_counter::<NoLabelSet, _, f64>(&count, None)?;
        }
        Ok(())
    }

    fn gauges<const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        rows: impl IntoIterator<Item = Row<N>>,
    ) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (labels, count) in rows {
            metric.encode_family(&labels)?.encode_gauge(&count)?;
        }
        Ok(())
    }

    fn times<'s>(&mut self, routes: impl Iterator<Item = (&'s &'static str, &'s Served)>) -> fmt::Result {
        let help = "How long requests took until their answer began";
        let mut metric = self.0.encode_descriptor(
            "request_duration",
            help,
            Some(&Unit::Seconds),
            MetricType::Histogram,
        )?;
        for (route, served) in routes {
            let longest = BUCKETS.iter().map(|micros| *micros as f64 / 1e6).chain([f64::INFINITY]);
            let buckets: Vec<_> = longest.zip(served.times.iter().map(load)).collect();
            let count = buckets.iter().map(|(_, count)| count).sum();
            if count == 0 {
                continue;
            }
            let sum = load(&served.micros) as f64 / 1e6;
            metric
                .encode_family(&[("route", *route)])?
                .encode_histogram::<NoLabelSet>(sum, count, &buckets, None)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_has_its_own_number_for_a_label() {
        for (status, word) in STATUSES.into_iter().zip(STATUS_WORDS) {
            assert_eq!(word, if status == 0 { "other".to_owned() } else { status.to_string() });
        }
    }
}
