//! Random numbers that are the same on every machine and in every version.

use rand_pcg::Pcg64;

/// The generator of one replication: PCG XSL RR 128/64 ("pcg64"), a named algorithm with a fixed output.
///
/// `rand`'s `StdRng` may change its algorithm between versions, and then the same seed would give
/// another report. Every replication has its own `stream`, so that replication 17 is the same
/// whether it runs alone, after sixteen others, or on another thread.
///
/// Both numbers go through SplitMix64's finaliser before they become state and increment:
/// PCG generators with nearby increments and the same state are correlated. Different pairs
/// `(seed, stream)` always give different generators.
///
/// Source: O'Neill (2014), "PCG: A Family of Simple Fast Space-Efficient Statistically Good
/// Algorithms"; Steele, Lea & Flood (2014), "Fast Splittable Pseudorandom Number Generators".
///
/// ```
/// # use burndown::stats::generator;
/// use rand::Rng;
/// assert_eq!(generator(1, 0).next_u64(), generator(1, 0).next_u64());
/// assert_ne!(generator(1, 0).next_u64(), generator(1, 1).next_u64());
/// ```
pub fn generator(seed: u64, stream: u64) -> Pcg64 {
    let (seed_bits, stream_bits) = (mix(seed), mix(!stream));
    let state = join(seed_bits, mix(seed_bits ^ stream_bits));
    let increment = join(mix(stream_bits), stream_bits);
    Pcg64::new(state, increment)
}

/// SplitMix64: the golden-ratio step and the finaliser; one to one on 64 bits.
fn mix(value: u64) -> u64 {
    let z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn join(high: u64, low: u64) -> u128 {
    (u128::from(high) << 64) | u128::from(low)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, RngExt};

    /// First outputs for seed 0 of the reference implementation of SplitMix64 by Vigna.
    #[test]
    fn the_mixer_is_splitmix64() {
        assert_eq!(mix(0), 0xe220_a839_7b1d_cdaf);
        assert_eq!(mix(0x9e37_79b9_7f4a_7c15), 0x6e78_9e6a_a1b9_65f4);
    }

    /// A change of these numbers changes every seeded report.
    #[test]
    fn the_stream_of_a_seed_never_changes() {
        let mut random = generator(2026, 3);
        let expected = [16_205_873_378_515_765_644, 17_571_312_589_986_415_985];
        assert_eq!([random.next_u64(), random.next_u64()], expected);
    }

    /// First numbers of 4,000 neighbouring streams: uniform mean, and no correlation with the next
    /// stream's (both within 4 standard errors).
    #[test]
    fn neighbouring_streams_are_unrelated() {
        let streams = 4000;
        let first: Vec<f64> = (0..streams).map(|stream| generator(7, stream).random::<f64>() - 0.5).collect();
        let mean = first.iter().sum::<f64>() / first.len() as f64;
        let product = first.windows(2).map(|pair| pair[0] * pair[1]).sum::<f64>() / first.len() as f64;
        let root = (streams as f64).sqrt();
        assert!(mean.abs() < 4.0 * (1.0_f64 / 12.0).sqrt() / root, "mean {mean}");
        assert!(product.abs() < 4.0 / 12.0 / root, "product {product}");
    }
}
