//! The population and parameters of the system that the documents describe: it reports Food at 8.50 ± 0.50 after 100
//! rounds.

use worldtick::lab::Summary;
use worldtick::world::spec::Range;

use super::support::{DEFAULT, hours, mean, runs, seeds, spread, with};

/// What theirs varies by, as a share of its price.
const THEIR_BAND: f64 = 0.50 / 8.50;
/// The round after which theirs is reported.
const FROM: usize = 100;

#[test]
fn with_the_originals_population_the_market_settles_within_their_band() {
    // 100 agents with 50 to 500 of money, all of the same skill; learning rates 0.1 to 0.5 and the
    // other traits 0 to 1, as they are by default. There food has no production: its price is where the beliefs of
    // those who cannot lose began. Here it is the work in it times money per head over the spending hours.
    let spec = with(DEFAULT.spec(), |economy| {
        economy.population.count = 100;
        economy.population.money_per_head = 27_500;
        economy.population.money_spread = 225.0 / 275.0;
        economy.population.skill = Range { min: 1.0, max: 1.0 };
    });
    let implied = spec.economy.as_ref().expect("an economy").implied().expect("sound").prices[0];
    for (seed, record) in (1..).zip(runs(&spec, seeds(2), hours(1_000, 2_500))) {
        let prices = &record.prices(0)[FROM..];
        let food = &Summary::of(&record, 500).markets[0];
        let (price, off) = (mean(prices), spread(prices) / mean(prices));
        let within = prices.iter().filter(|hour| (*hour / price - 1.0).abs() <= THEIR_BAND).count();
        println!(
            "original's population, seed {seed}: Food at {:.2} ± {:.2} ({:.1}%) by the hour from hour {FROM} on, {:.1}% of \
             the hours within ± {:.1}%, {:.2} to {:.2}; from hour 500 on {:+.3} off the {:.2} that the file implies",
            price / 100.0,
            price * off / 100.0,
            off * 100.0,
            within as f64 / prices.len() as f64 * 100.0,
            THEIR_BAND * 100.0,
            prices.iter().copied().fold(f64::INFINITY, f64::min) / 100.0,
            prices.iter().copied().fold(0.0, f64::max) / 100.0,
            food.off_implied,
            implied / 100.0
        );
        assert!(off <= THEIR_BAND, "seed {seed}: {off:.3} about the mean from hour to hour");
        // Theirs has no price that its rules imply; ours is held to it as every world is.
        assert!(food.off_implied.abs() <= 0.10, "seed {seed}: {food:?}");
    }
}
