//! What the plots show, as numbers: quantiles of latency and rates of completion over time.

use std::collections::BTreeMap;

use super::activity::Activity;
use crate::history::OpType;

/// The outcomes in the order in which they are drawn and named.
pub const OUTCOMES: [OpType; 3] = [OpType::Ok, OpType::Info, OpType::Fail];

/// The quantiles that are drawn, the highest first.
pub const QUANTILES: [f64; 4] = [1.0, 0.99, 0.95, 0.5];

/// Points in time: seconds since the main phase began, and a value.
pub type Points = Vec<(f64, f64)>;

/// Seconds of a time in nanoseconds.
pub fn seconds(nanoseconds: i64) -> f64 {
    nanoseconds as f64 / 1e9
}

/// The width of a window in seconds: the original's, or for a short run as much less as it
/// takes to see more than a point or two.
pub fn window_secs(activity: &Activity, original: f64) -> f64 {
    let span = seconds(activity.end());
    let short = [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0].into_iter().find(|width| span / width <= 20.0);
    short.map_or(original, |width| width.min(original))
}

/// Latencies in milliseconds by function and outcome, at the time of the invocation.
pub fn latencies(activity: &Activity) -> BTreeMap<(&str, OpType), Points> {
    let mut series: BTreeMap<(&str, OpType), Points> = BTreeMap::new();
    for operation in activity.operations() {
        if let Some(latency_ms) = operation.latency_ms() {
            let point = (seconds(operation.start), latency_ms);
            let function = activity.function(&operation);
            series.entry((function, operation.outcome())).or_default().push(point);
        }
    }
    series
}

/// For each function and quantile, the latency in milliseconds in each window, at the middle
/// of the window.
pub fn quantiles(activity: &Activity, window: f64) -> BTreeMap<&str, Vec<Points>> {
    let mut windows: BTreeMap<&str, BTreeMap<i64, Vec<f64>>> = BTreeMap::new();
    for operation in activity.operations() {
        if let Some(latency_ms) = operation.latency_ms() {
            let number = (seconds(operation.start) / window).floor() as i64;
            let function = windows.entry(activity.function(&operation)).or_default();
            function.entry(number).or_default().push(latency_ms);
        }
    }
    let mut series = BTreeMap::new();
    for (function, windows) in windows {
        let mut lines = vec![Points::new(); QUANTILES.len()];
        for (number, mut sample) in windows {
            sample.sort_unstable_by(f64::total_cmp);
            let middle = (number as f64 + 0.5) * window;
            for (line, quantile) in lines.iter_mut().zip(QUANTILES) {
                line.push((middle, quantile_of(&sample, quantile)));
            }
        }
        series.insert(function, lines);
    }
    series
}

/// The value at `floor(count * quantile)` of a sorted sample, as Jepsen counts.
fn quantile_of(sorted: &[f64], quantile: f64) -> f64 {
    let place = (sorted.len() as f64 * quantile).floor() as usize;
    sorted[place.min(sorted.len() - 1)]
}

/// For each function and outcome, completions a second in each window, at the middle of the
/// window. Windows without any are there as well.
pub fn rates(activity: &Activity, window: f64) -> BTreeMap<(&str, OpType), Points> {
    let windows = (seconds(activity.end()) / window).floor() as usize + 1;
    let mut series: BTreeMap<(&str, OpType), Points> = BTreeMap::new();
    let blank = || (0..windows).map(|number| ((number as f64 + 0.5) * window, 0.0)).collect();
    for operation in activity.operations() {
        if let Some(end) = operation.end {
            let line =
                series.entry((activity.function(&operation), end.kind)).or_insert_with(blank);
            let number = (seconds(end.time.max(0)) / window).floor() as usize;
            line[number.min(windows - 1)].1 += 1.0;
        }
    }
    for (_, count) in series.values_mut().flatten() {
        *count /= window;
    }
    series
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::History;

    /// Twenty reads, the n-th of n milliseconds, one a second; then one that nobody knows of.
    fn activity() -> Activity {
        let mut text = String::new();
        for n in 1..=20i64 {
            let start = n * 1_000_000_000;
            let stop = start + n * 1_000_000;
            text += &format!("{{:process 0, :type :invoke, :f :read, :time {start}}}");
            text += &format!("{{:process 0, :type :ok, :f :read, :time {stop}}}");
        }
        text += "{:process 0, :type :invoke, :f :read, :time 20500000000}";
        Activity::of(&History::parse(&text).unwrap())
    }

    #[test]
    fn quantiles_are_counted_as_jepsen_does() {
        let activity = activity();
        let series = quantiles(&activity, 30.0);
        let values: Vec<f64> = series["read"].iter().map(|line| line[0].1).collect();
        assert_eq!(values, [20.0, 20.0, 20.0, 11.0]);
        assert_eq!(series["read"][0][0].0, 15.0);
    }

    #[test]
    fn rates_count_completions_a_second() {
        let activity = activity();
        let series = rates(&activity, 10.0);
        assert_eq!(series[&("read", OpType::Ok)], [(5.0, 0.9), (15.0, 1.0), (25.0, 0.1)]);
        assert_eq!(series.len(), 1);
    }

    #[test]
    fn a_short_run_has_narrow_windows() {
        let empty = Activity::of(&History::default());
        assert_eq!(window_secs(&empty, 10.0), 0.1);
        assert_eq!(window_secs(&activity(), 30.0), 2.0);
        assert_eq!(rates(&empty, 10.0).len(), 0);
    }
}
