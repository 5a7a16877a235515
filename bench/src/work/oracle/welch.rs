//! Welch's t: whether two samples with different variances have different means. It knows nothing of what was measured.

/// What must be known of a sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sample {
    pub(super) mean: f64,
    /// The variance of the mean.
    error: f64,
}

impl Sample {
    /// At least two figures.
    pub(super) fn of(figures: &[f64]) -> Self {
        let count = figures.len() as f64;
        let mean = figures.iter().sum::<f64>() / count;
        let squares: f64 = figures.iter().map(|figure| (figure - mean).powi(2)).sum();
        Self { mean, error: squares / (count - 1.0) / count }
    }
}

/// Its sign is that of the difference; 0 where nothing varies and nothing differs.
pub(super) fn t(first: &Sample, second: &Sample) -> f64 {
    let difference = first.mean - second.mean;
    if difference == 0.0 { 0.0 } else { difference / (first.error + second.error).sqrt() }
}

/// Both samples without what is longer than this share of both together.
pub(super) fn cropped(samples: [&[f64]; 2], share: f64) -> [Sample; 2] {
    let mut all = samples.concat();
    all.sort_by(f64::total_cmp);
    let at = (all.len() as f64 * share) as usize;
    let longest = all[at.min(all.len() - 1)];
    samples.map(|sample| {
        let kept: Vec<f64> = sample.iter().copied().filter(|figure| *figure <= longest).collect();
        Sample::of(&kept)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t_is_the_difference_in_errors_of_both() {
        // Means 2 and 6, variances 1 and 4, three figures each: -4 / √(1/3 + 4/3).
        let (first, second) = (Sample::of(&[1.0, 2.0, 3.0]), Sample::of(&[4.0, 6.0, 8.0]));
        assert!((t(&first, &second) + 3.0984).abs() < 1e-4, "{}", t(&first, &second));
        assert_eq!(t(&second, &first), -t(&first, &second));
        assert_eq!(t(&first, &first), 0.0);
    }

    #[test]
    fn the_longest_are_cut_from_both_alike() {
        let [first, second] = cropped([&[1.0, 2.0, 3.0, 900.0], &[1.0, 2.0, 3.0, 4.0]], 0.8);
        assert_eq!((first.mean, second.mean), (2.0, 2.5));
    }
}
