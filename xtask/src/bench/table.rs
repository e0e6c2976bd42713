//! Figures for people, as a table, and for programs, as JSON lines.

use super::compare::{Row, Unit};

/// Writes the rows as a table; `title` stands above it.
pub(super) fn print(title: &str, rows: &[Row]) {
    println!("\n{title}");
    println!("{}", line(["work", "figure", "floor", "ours", "ratio", "goal"].map(String::from)));
    for row in rows {
        println!("{}", line(cells(row)));
    }
}

fn line(cells: [String; 6]) -> String {
    let [work, figure, floor, ours, ratio, goal] = cells;
    format!("{work:<32} {figure:<12} {floor:>12} {ours:>12} {ratio:>7}  {goal}").trim_end().into()
}

fn cells(row: &Row) -> [String; 6] {
    let unit = row.figure.unit;
    let nothing = || "–".to_owned();
    let ratio = row.ratio();
    let bound = if unit == Unit::Seconds { "at most" } else { "at least" };
    let met = |goal: f64| {
        ratio.map(|ratio| if unit == Unit::Seconds { ratio <= goal } else { ratio >= goal })
    };
    let goal = |goal: f64| match met(goal) {
        Some(true) => format!("{bound} {goal}: met"),
        Some(false) => format!("{bound} {goal}: MISSED"),
        None => format!("{bound} {goal}"),
    };
    [
        row.work.to_owned(),
        row.figure.name.to_owned(),
        amount(unit, row.floor),
        row.ours.map_or_else(nothing, |ours| amount(unit, ours)),
        ratio.map_or_else(nothing, |ratio| format!("{ratio:.2}")),
        row.figure.goal.map_or_else(String::new, goal),
    ]
}

fn amount(unit: Unit, value: f64) -> String {
    match unit {
        Unit::Seconds if value >= 1e-3 => format!("{:.2} ms", value * 1e3),
        Unit::Seconds => format!("{:.1} µs", value * 1e6),
        Unit::PerSecond if value >= 1e6 => format!("{:.2} M/s", value / 1e6),
        Unit::PerSecond => format!("{:.1} k/s", value / 1e3),
        Unit::BytesPerSecond => format!("{:.2} GB/s", value / 1e9),
        Unit::Share => format!("{:.1} %", value * 100.0),
    }
}

/// Writes one JSON object per figure; seconds, counts and shares without prefixes.
pub(super) fn print_json(pinned: bool, rows: &[Row]) {
    for row in rows {
        println!("{}", json(pinned, row));
    }
}

fn json(pinned: bool, row: &Row) -> String {
    let unit = match row.figure.unit {
        Unit::Seconds => "seconds",
        Unit::PerSecond => "per second",
        Unit::BytesPerSecond => "bytes per second",
        Unit::Share => "share",
    };
    let number = |value: Option<f64>| value.map_or("null".to_owned(), |value| format!("{value:e}"));
    // None of the texts holds anything that JSON would need escaped: they are all in works.rs.
    let fields = [
        format!(r#""work":"{}""#, row.work),
        format!(r#""figure":"{}""#, row.figure.name),
        format!(r#""unit":"{unit}""#),
        format!(r#""floor":{}"#, number(Some(row.floor))),
        format!(r#""ours":{}"#, number(row.ours)),
        format!(r#""ratio":{}"#, number(row.ratio())),
        format!(r#""goal":{}"#, number(row.figure.goal)),
        format!(r#""pinned":{pinned}"#),
    ];
    format!("{{{}}}", fields.join(","))
}

#[cfg(test)]
mod tests {
    use super::super::compare::Figure;
    use super::*;

    fn row(unit: Unit, floor: f64, ours: Option<f64>) -> Row {
        Row { work: "a", figure: Figure { name: "b", unit, goal: Some(1.5) }, floor, ours }
    }

    #[test]
    fn goals_know_which_way_is_better() {
        let slow = cells(&row(Unit::Seconds, 1e-5, Some(2e-5)));
        assert_eq!(slow[2..], ["10.0 µs", "20.0 µs", "2.00", "at most 1.5: MISSED"]);
        let fast = cells(&row(Unit::PerSecond, 1e6, Some(2e6)));
        assert_eq!(fast[2..], ["1.00 M/s", "2.00 M/s", "2.00", "at least 1.5: met"]);
        let alone = cells(&row(Unit::BytesPerSecond, 1e9, None));
        assert_eq!(alone[2..], ["1.00 GB/s", "–", "–", "at least 1.5"]);
    }

    #[test]
    fn json_has_plain_numbers() {
        let text = json(true, &row(Unit::PerSecond, 1e6, None));
        assert!(text.contains(r#""floor":1e6,"ours":null,"ratio":null,"goal":1.5e0"#), "{text}");
    }
}
