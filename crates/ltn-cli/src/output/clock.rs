//! The time of day, as people near this machine would say it. It is for showing alone: no decision
//! knows one.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tz::TimeZone;

const DAY_SECONDS: i64 = 86_400;

/// The zone of `TZ`, else the system's. `None` if it cannot be read: then it is UTC, and says so.
static ZONE: LazyLock<Option<TimeZone>> = LazyLock::new(|| {
    let wanted = std::env::var("TZ").ok().filter(|zone| !zone.is_empty());
    zone(wanted.as_deref())
});

/// The time of day: `14:03:22`, or `12:03:22Z` where the zone is not known.
pub(super) fn time_of_day() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    shown(i64::try_from(now.as_secs()).unwrap_or(0), ZONE.as_ref())
}

fn zone(wanted: Option<&str>) -> Option<TimeZone> {
    match wanted {
        Some(zone) => TimeZone::from_posix_tz(zone).ok(),
        None => TimeZone::local().ok(),
    }
}

fn shown(seconds: i64, zone: Option<&TimeZone>) -> String {
    let local = zone.and_then(|zone| zone.find_local_time_type(seconds).ok());
    let offset = local.map(|local| i64::from(local.ut_offset()));
    let second = (seconds + offset.unwrap_or(0)).rem_euclid(DAY_SECONDS);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    let utc = if offset.is_none() { "Z" } else { "" };
    format!("{hour:02}:{minute:02}:{second:02}{utc}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Noon of a day in January and of one in July, in UTC.
    const JANUARY: i64 = 1_768_478_400;
    const JULY: i64 = 1_784_116_800;

    #[test]
    fn the_zone_is_followed_through_the_year() {
        let middle = zone(Some("CET-1CEST,M3.5.0,M10.5.0/3"));
        assert_eq!(shown(JANUARY, middle.as_ref()), "13:00:00");
        assert_eq!(shown(JULY, middle.as_ref()), "14:00:00");
        let far = zone(Some("NZST-12"));
        assert_eq!(shown(JANUARY + 1, far.as_ref()), "00:00:01");
    }

    #[test]
    fn an_unknown_zone_is_utc_and_says_so() {
        assert_eq!(shown(JANUARY, zone(Some("Nowhere/At_All")).as_ref()), "12:00:00Z");
        assert_eq!(shown(-1, None), "23:59:59Z");
    }
}
