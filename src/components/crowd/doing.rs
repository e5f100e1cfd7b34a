//! What an agent does in a step.

/// What an agent does in a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Doing {
    /// Nothing that anybody would notice.
    Idle = 0,
    /// Walks about, or to a place where people meet.
    Walk = 1,
    /// Walks home or to work.
    Commute = 2,
    /// Is hungry and on the way to the nearest vendor, or stands before one that is sold out.
    Seek = 3,
    /// Buys a meal and eats it.
    BuyFood = 4,
    /// Posts.
    Tweet = 5,
    /// Trades a thing with another.
    Trade = 6,
    /// Spends time with another at a social spot.
    Socialize = 7,
    /// Rests at home.
    Rest = 8,
    /// Works.
    Work = 9,
    /// Stands hungry at a vendor without the money for a meal, and walks on.
    Broke = 10,
}

impl Doing {
    /// Room for all kinds, a power of two.
    pub const KINDS: usize = 16;
    /// All kinds, in the order of their numbers.
    pub const ALL: [Self; 11] = [
        Self::Idle,
        Self::Walk,
        Self::Commute,
        Self::Seek,
        Self::BuyFood,
        Self::Tweet,
        Self::Trade,
        Self::Socialize,
        Self::Rest,
        Self::Work,
        Self::Broke,
    ];

    /// From a number; what is none is idle.
    pub fn from_number(number: u8) -> Self {
        Self::ALL.get(usize::from(number)).copied().unwrap_or(Self::Idle)
    }

    /// Its number.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// Its name.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Walk => "walk",
            Self::Commute => "commute",
            Self::Seek => "seek_food",
            Self::BuyFood => "buy_food",
            Self::Tweet => "tweet",
            Self::Trade => "trade",
            Self::Socialize => "socialize",
            Self::Rest => "rest",
            Self::Work => "work",
            Self::Broke => "cannot_pay",
        }
    }

    /// Whether it is a way of walking.
    pub const fn is_walking(self) -> bool {
        matches!(self, Self::Walk | Self::Commute | Self::Seek | Self::Broke)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back() {
        for (index, doing) in Doing::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(doing.number()), index);
            assert_eq!(Doing::from_number(doing.number()), doing);
        }
        assert_eq!(Doing::from_number(200), Doing::Idle);
    }
}
