//! The population and parameters of the system that the documents describe: it reports Food at 8.50 ± 0.50 after 100
//! rounds.

use worldtick::lab::Summary;
use worldtick::world::spec::Range;

use super::support::{default_world, runs, seeds, with};

#[test]
fn with_the_originals_population_the_market_settles() {
    // 100 agents with 50 to 500 of money, the mean of it here, all of the same skill; learning rates 0.1 to 0.5 and the
    // other traits 0 to 1, as they are by default. There food has no production: its price is where the beliefs of
    // those who cannot lose began. Here it is the work in it times money per head over the spending hours.
    let spec = with(default_world(), |economy| {
        economy.population.count = 100;
        economy.population.money_per_head = 27_500;
        economy.population.skill = Range { min: 1.0, max: 1.0 };
    });
    let implied = spec.economy.as_ref().expect("an economy").implied().expect("sound").prices[0];
    for (seed, record) in (1..).zip(runs(&spec, seeds(3), 400)) {
        let food = &Summary::of(&record, 100).markets[0];
        println!(
            "original's population, seed {seed}: Food at {:.2}, {:.2} to {:.2}, deviation {:.3}; the file implies {:.2}",
            food.price / 100.0,
            food.lowest / 100.0,
            food.highest / 100.0,
            food.deviation,
            implied / 100.0
        );
        // Of a hundred agents an hour's price is a draw: the mean of a hundred hours is what has settled or not.
        for start in (100..400).step_by(100) {
            let prices = &record.prices(0)[start..start + 100];
            let mean = prices.iter().sum::<f64>() / 100.0;
            assert!(
                (mean / food.price - 1.0).abs() <= 0.5 / 8.5,
                "seed {seed}: {mean:.0} after hour {start}: {food:?}"
            );
        }
        assert!(food.off_implied.abs() <= 0.10, "seed {seed}: {food:?}");
    }
}
