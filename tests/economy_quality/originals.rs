//! The population and parameters of the system that the documents describe: it reports Food at 8.50 ± 0.50 after 100
//! rounds.

use worldtick::lab::Summary;
use worldtick::world::spec::Range;

use super::support::{default_world, mean, runs, seeds, with};

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
    for (seed, record) in (1..).zip(runs(&spec, seeds(3), 1_500)) {
        let food = &Summary::of(&record, 500).markets[0];
        let hundreds: Vec<f64> =
            (100..1_500).step_by(100).map(|hour| mean(&record.prices(0)[hour..hour + 100])).collect();
        // Theirs is told as it stood in the last round, ± what it varied from round to round; of a hundred agents an
        // hour's price is a draw. So both: what an hour's price varies by, and what means of a hundred hours do.
        println!(
            "original's population, seed {seed}: Food at {:.2} ± {:.2} from hour to hour ({:.2} to {:.2}) from hour 500 on, \
             means of a hundred hours {}; the file implies {:.2}",
            food.price / 100.0,
            food.price * food.deviation / 100.0,
            food.lowest / 100.0,
            food.highest / 100.0,
            hundreds.iter().map(|price| format!("{:.2}", price / 100.0)).collect::<Vec<_>>().join(", "),
            implied / 100.0
        );
        // Theirs has no price that its rules imply; ours is held to it as every world is.
        assert!(food.off_implied.abs() <= 0.10, "seed {seed}: {food:?}");
    }
}
