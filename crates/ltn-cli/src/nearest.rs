//! The word that somebody probably meant.

/// The candidate that is closest to `word`, if one is close enough to be meant.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    // Bad input may be long, and the distance costs its length; such a word is meant for nothing.
    if word.len() > 64 {
        return None;
    }
    let (distance, best) = candidates
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .min_by_key(|(distance, _)| *distance)?;
    let near = distance <= 1 + word.chars().count().min(best.chars().count()) / 3;
    near.then_some(best)
}

/// How many letters have to be added, taken away, changed or swapped with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.to_lowercase().chars().collect();
    let b: Vec<char> = b.to_lowercase().chars().collect();
    let mut rows = vec![(0..=b.len()).collect::<Vec<usize>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let changed = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = changed.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_recognised() {
        let keys = ["name", "port", "data_port", "parent"];
        assert_eq!(nearest("prot", keys), Some("port"));
        assert_eq!(nearest("Name", keys), Some("name"));
        assert_eq!(nearest("dataport", keys), Some("data_port"));
        assert_eq!(nearest("parents", keys), Some("parent"));
    }

    #[test]
    fn what_is_far_away_was_not_meant() {
        assert_eq!(nearest("colour", ["name", "port"]), None);
        assert_eq!(nearest("x", []), None);
        assert_eq!(nearest(&"name".repeat(1_000), ["name"]), None);
    }
}
