//! A picture of a crowd after a run: where its people are, what they do, and the sectors by which it is told.

use std::fmt::Write;

use bevy_app::App;

use super::LabError;
use super::experiment::HOURS_MAX;
use crate::components::clock::ClockSource;
use crate::components::crowd::{Crowd, Doing, Ground};
use crate::plugins::crowd::CrowdPlugin;
use crate::plugins::economy::EconomyPlugin;
use crate::plugins::simulation::SimulationPlugin;
use crate::testing::Stepper;
use crate::world::spec::{SectorSpec, WorldSpec};

/// Tiles of the picture along its longer side at most.
const TILES: u32 = 120;
/// Length of the picture's longer side.
const SIDE: f64 = 900.0;
/// Room around the picture, and below it for the legend.
const MARGIN: f64 = 24.0;
const LEGEND: f64 = 64.0;

/// What is told apart, and how it is drawn.
const GROUPS: [(&str, &str, &[Doing]); 6] = [
    ("at rest", "#4c6a92", &[Doing::Rest, Doing::Idle]),
    ("at work", "#7a5195", &[Doing::Work]),
    ("under way", "#8c8c8c", &[Doing::Walk, Doing::Commute]),
    ("hungry or eating", "#e07b39", &[Doing::Seek, Doing::BuyFood]),
    ("without money for food", "#c1121f", &[Doing::Broke]),
    ("posting, trading, in company", "#2a9d8f", &[Doing::Tweet, Doing::Trade, Doing::Socialize]),
];

/// Runs the crowd of a world for so many hours, with its economy if it has one, and draws it. People and places have no
/// part in it. A crowd that lives a day at once is run hour by hour where its steps allow it, so that it can be seen by day.
///
/// # Errors
/// When the world has no crowd that lives, the hours are outside 1 to [`HOURS_MAX`], or it fails.
pub fn picture(mut spec: WorldSpec, seed: u64, hours: u32) -> Result<String, LabError> {
    if hours == 0 || hours > HOURS_MAX {
        return Err(LabError::Hours(hours));
    }
    if spec.economy.as_ref().is_some_and(|economy| economy.population.waits_for_agents()) {
        return Err(LabError::NoAgents(spec.id.to_string()));
    }
    let Some(crowd) = spec.crowd.as_mut().filter(|crowd| crowd.enabled) else {
        return Err(LabError::NoCrowd(spec.id.to_string()));
    };
    crowd.hourly |= crowd.steps_a_day.is_multiple_of(24);
    let sectors = crowd.grid.all_sectors();
    spec.seed = seed;
    spec.clock = ClockSource::Manual;
    spec.behaviour = None;
    spec.npcs = None;
    spec.plugins.clear();
    let title = spec.id.to_string();
    let mut world = Stepper::new(move || {
        let mut app = App::new();
        app.add_plugins((SimulationPlugin { spec: spec.clone() }, EconomyPlugin, CrowdPlugin));
        app
    })?;
    for _ in 0..hours {
        world.hours(1)?;
        world.take_events();
        world.forget_journal();
    }
    let now = world.now().map(|now| now.to_string()).unwrap_or_default();
    let ecs = world.world().ecs();
    let title = format!("{title}, {now}");
    Ok(svg(&title, ecs.resource::<Ground>(), ecs.resource::<Crowd>(), &sectors))
}

/// Draws a crowd as SVG: tiles of cells, in the colour of what most do there, the stronger the more there are.
pub fn svg(title: &str, ground: &Ground, crowd: &Crowd, sectors: &[SectorSpec]) -> String {
    let (width, height) = (u32::from(ground.width.unsigned_abs()), u32::from(ground.height.unsigned_abs()));
    let longer = width.max(height).max(1);
    let cells = longer.div_ceil(TILES);
    let scale = SIDE / f64::from(longer);
    let (wide, high) = (f64::from(width) * scale, f64::from(height) * scale);
    let (all_wide, all_high) = (wide + 2.0 * MARGIN, high + 2.0 * MARGIN + LEGEND);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{all_wide:.0}\" height=\"{all_high:.0}\" viewBox=\"0 0 \
         {all_wide:.0} {all_high:.0}\" font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" \
         fill=\"#ffffff\"/>\n<text x=\"{MARGIN}\" y=\"17\">{}: {} agents</text>\n<g transform=\"translate({MARGIN} \
         {MARGIN})\">\n<rect width=\"{wide:.1}\" height=\"{high:.1}\" fill=\"#f4f1ea\"/>\n",
        escaped(title),
        crowd.len()
    );
    places(&mut out, ground, scale);
    let sums = tiles(&mut out, crowd, (width.div_ceil(cells), height.div_ceil(cells)), cells, scale);
    for sector in sectors {
        let at = |cells: u32| f64::from(cells) * scale;
        let (x, y) = (at(sector.x), at(sector.y));
        let _ = writeln!(
            out,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"none\" stroke=\"#666666\" \
             stroke-dasharray=\"4 3\"/><text x=\"{:.1}\" y=\"{:.1}\" font-size=\"10\" fill=\"#444444\">{}</text>",
            at(sector.width),
            at(sector.height),
            x + 4.0,
            y + 12.0,
            escaped(&sector.name)
        );
    }
    out.push_str("</g>\n");
    legend(&mut out, all_high - LEGEND + 4.0, &sums);
    out.push_str("</svg>\n");
    out
}

/// Vendors or social spots that are drawn: of more, none would be seen beneath the others.
const PLACES_DRAWN_MAX: usize = 10_000;

/// Vendors and social spots.
fn places(out: &mut String, ground: &Ground, scale: f64) {
    let width = u32::from(ground.width.unsigned_abs()).max(1);
    let size = scale.clamp(2.0, 9.0);
    let drawn = |all: usize| if all <= PLACES_DRAWN_MAX { all } else { 0 };
    for cell in ground.vendors.iter().take(drawn(ground.vendors.len())) {
        let at = |cells: u32| (f64::from(cells) + 0.5) * scale - size / 2.0;
        let (x, y) = (at(cell % width), at(cell / width));
        let _ = writeln!(
            out,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{size:.1}\" height=\"{size:.1}\" fill=\"none\" stroke=\"#d9a441\"/>"
        );
    }
    for [x, y] in ground.spots.iter().take(drawn(ground.spots.len())) {
        let at = |cells: i16| (f64::from(cells) + 0.5) * scale;
        let (x, y, radius) = (at(*x), at(*y), size / 2.0);
        let _ =
            writeln!(out, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius:.1}\" fill=\"none\" stroke=\"#2a9d8f\"/>");
    }
}

/// The agents. Gives how many there are of each group.
fn tiles(out: &mut String, crowd: &Crowd, (columns, rows): (u32, u32), cells: u32, scale: f64) -> [u32; GROUPS.len()] {
    let mut counts = vec![[0_u32; GROUPS.len()]; (columns * rows) as usize];
    let mut sums = [0; GROUPS.len()];
    for chunk in &crowd.chunks {
        for ((x, y), doing) in chunk.x.iter().zip(&chunk.y).zip(&chunk.doing) {
            let doing = Doing::from_number(*doing);
            let group = GROUPS.iter().position(|(_, _, all)| all.contains(&doing)).unwrap_or(0);
            let tile = u32::from(y.unsigned_abs()) / cells * columns + u32::from(x.unsigned_abs()) / cells;
            if let (Some(counts), Some(sum)) = (counts.get_mut(tile as usize), sums.get_mut(group)) {
                if let Some(count) = counts.get_mut(group) {
                    *count += 1;
                }
                *sum += 1;
            }
        }
    }
    let most = counts.iter().map(|counts| counts.iter().sum::<u32>()).max().unwrap_or(0).max(1);
    let side = f64::from(cells) * scale;
    for (tile, counts) in (0_u32..).zip(&counts) {
        let all: u32 = counts.iter().sum();
        if all == 0 {
            continue;
        }
        let group = counts.iter().enumerate().max_by_key(|(_, count)| **count).map_or(0, |(group, _)| group);
        let colour = GROUPS.get(group).map_or("#000000", |(_, colour, _)| colour);
        let (x, y) = (f64::from(tile % columns) * side, f64::from(tile / columns) * side);
        let strength = 0.35 + 0.65 * (f64::from(all) / f64::from(most)).sqrt();
        let _ = writeln!(
            out,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{side:.1}\" height=\"{side:.1}\" fill=\"{colour}\" \
             fill-opacity=\"{strength:.2}\"/>"
        );
    }
    sums
}

fn legend(out: &mut String, top: f64, sums: &[u32; GROUPS.len()]) {
    for (place, ((name, colour, _), count)) in (0_u32..).zip(GROUPS.iter().zip(sums)) {
        let (x, y) = (MARGIN + f64::from(place % 3) * 290.0, top + f64::from(place / 3) * 20.0);
        let (text, line) = (x + 18.0, y + 11.0);
        let _ = writeln!(out, "<rect x=\"{x:.0}\" y=\"{y:.0}\" width=\"13\" height=\"13\" fill=\"{colour}\"/>");
        let _ = writeln!(out, "<text x=\"{text:.0}\" y=\"{line:.0}\">{name}: {count}</text>");
    }
    let y = top + 52.0;
    let _ = writeln!(
        out,
        "<text x=\"{MARGIN}\" y=\"{y:.0}\" font-size=\"10\" fill=\"#444444\">yellow squares: vendors; green circles: social \
         spots (up to {PLACES_DRAWN_MAX} of either); a tile has the colour of what most do there, the stronger the more there are</text>"
    );
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(crowd: &str) -> WorldSpec {
        WorldSpec::from_yaml(&format!("id: w\ncrowd: {crowd}\n")).expect("valid")
    }

    #[test]
    fn everybody_every_sector_and_every_vendor_is_in_the_picture() {
        let drawn = picture(spec("{ agents: 300, grid: { sectorPrefix: \"<a&b>\" } }"), 1, 37).expect("a picture");
        assert!(drawn.starts_with("<svg ") && drawn.ends_with("</svg>\n"));
        assert!(drawn.contains("w, 2077-01-02T13:00:00Z: 300 agents"));
        for sector in 1..=9 {
            assert!(drawn.contains(&format!("&lt;a&amp;b&gt;_{sector}</text>")), "{sector}");
        }
        assert_eq!(drawn.matches("stroke=\"#d9a441\"").count(), 12);
        let told = |name: &str| {
            let rest = drawn.split(&format!(">{name}: ")).nth(1).expect("in the legend");
            rest.split('<').next().and_then(|count| count.parse::<u32>().ok()).expect("a count")
        };
        assert_eq!(GROUPS.iter().map(|(name, ..)| told(name)).sum::<u32>(), 300);
        assert!(told("at work") > 100, "it is one o'clock");
    }

    #[test]
    fn a_large_map_is_a_picture_of_bounded_size_and_no_crowd_is_none() {
        let drawn = picture(spec("{ agents: 5000, grid: { width: 3000, height: 500, vendors: { count: 50 } } }"), 1, 1);
        assert!(drawn.expect("a picture").len() < 1_000_000);
        let none = picture(WorldSpec::from_yaml("id: w\n").expect("valid"), 1, 1).expect_err("no crowd");
        assert!(none.to_string().contains("`w` has no crowd"), "{none}");
        assert!(picture(spec("{ enabled: false }"), 1, 1).is_err());
        assert!(matches!(picture(spec("{}"), 1, 0), Err(LabError::Hours(0))));
    }
}
