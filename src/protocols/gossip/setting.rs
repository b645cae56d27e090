//! The one setting of the broadcast: how it trades messages for latency.

use std::str::FromStr;
use std::time::Duration;

/// The way that a message takes when nothing goes wrong.
///
/// ```
/// use gyre::gossip::{Route, Setting};
///
/// assert_eq!(Setting::LOW_LATENCY.route, Route::Direct);
/// assert_eq!(Setting::LOW_TRAFFIC.route, Route::Hub);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// From its node straight to all others: one hop, `n - 1` messages.
    Direct,
    /// Through the hub, which collects messages for everybody: two hops, and one set of
    /// `n - 1` messages for all that came within the window.
    Hub,
}

/// How the broadcast trades messages for latency. See [`gossip`](crate::gossip) for what each
/// setting costs.
///
/// Written as `low-latency`, `low-traffic`, or as a route and a window in milliseconds:
/// `direct:32`, `hub:190`.
///
/// ```
/// use gyre::gossip::{Route, Setting};
/// use std::time::Duration;
///
/// let setting: Setting = "hub:50".parse()?;
/// assert_eq!(setting, Setting { route: Route::Hub, window: Duration::from_millis(50) });
/// assert_eq!("hub:190".parse(), Ok(Setting::LOW_TRAFFIC));
/// assert!("mesh:50".parse::<Setting>().is_err());
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The way of a message.
    pub route: Route,
    /// How long the first message of a batch waits for others.
    pub window: Duration,
}

impl Setting {
    /// Every message is everywhere after one network latency and 32 ms.
    pub const LOW_LATENCY: Setting =
        Setting { route: Route::Direct, window: Duration::from_millis(32) };

    /// A fraction of the messages, for a second network latency and up to 190 ms.
    pub const LOW_TRAFFIC: Setting =
        Setting { route: Route::Hub, window: Duration::from_millis(190) };
}

impl FromStr for Setting {
    type Err = String;

    fn from_str(text: &str) -> Result<Setting, String> {
        let window = |text: &str| text.parse().ok().map(Duration::from_millis);
        let setting = match text.split_once(':') {
            None if text == "low-latency" => Some(Setting::LOW_LATENCY),
            None if text == "low-traffic" => Some(Setting::LOW_TRAFFIC),
            Some(("direct", w)) => window(w).map(|window| Setting { route: Route::Direct, window }),
            Some(("hub", w)) => window(w).map(|window| Setting { route: Route::Hub, window }),
            _ => None,
        };
        setting.ok_or_else(|| {
            format!(
                "{text:?} is not a preset: write low-latency, low-traffic, or a route and a \
                 window in milliseconds, such as direct:32 or hub:190"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read() {
        assert_eq!("low-latency".parse(), Ok(Setting::LOW_LATENCY));
        assert_eq!("direct:32".parse(), Ok(Setting::LOW_LATENCY));
        assert_eq!("low-traffic".parse(), Ok(Setting::LOW_TRAFFIC));
        assert_eq!("hub:190".parse(), Ok(Setting::LOW_TRAFFIC));
        for wrong in ["", "hub", "hub:", "hub:-1", "hub:1.5", "mesh:3", "low-latency:3"] {
            assert!(wrong.parse::<Setting>().unwrap_err().contains("hub:190"), "{wrong}");
        }
    }
}
