//! The nearest known name, for "did you mean".

use bindery_core::relaxed;

/// How alike two names must be, from 0 to 1.
const ALIKE: f64 = 0.72;

/// The candidate that is most like `name`, if one is like it at all.
pub(crate) fn nearest<'c>(name: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    alike(name, candidates, ALIKE)
}

/// The candidate that differs from `name` by a slip of the finger only.
pub(crate) fn slip<'c>(name: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let wanted = relaxed(name);
    candidates.into_iter().find(|candidate| {
        let candidate = relaxed(candidate);
        let distance = strsim::damerau_levenshtein(&wanted, &candidate);
        candidate.len() > 3 && (1..=1 + usize::from(candidate.len() > 9)).contains(&distance)
    })
}

fn alike<'c>(name: &str, candidates: impl IntoIterator<Item = &'c str>, least: f64) -> Option<&'c str> {
    let wanted = relaxed(&name.chars().take(100).collect::<String>());
    let mut best: Option<(f64, &str)> = None;
    for candidate in candidates {
        let score = strsim::normalized_damerau_levenshtein(&wanted, &relaxed(candidate));
        if score >= least && best.is_none_or(|(known, _)| score > known) {
            best = Some((score, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}
