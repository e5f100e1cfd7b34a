//! How treaties, histories and what belongs to them are saved and hashed: entry by entry.

use std::borrow::Cow;
use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::components::faction::{Affairs, DueAct, Happening, PairId, Today, Treaty, TreatyKind, Usual};
use crate::world::PersistEntries;

/// The entry of all that is neither a treaty nor something that happened.
const REST: u64 = 0;
/// Ids of treaties begin here: the pair's number and, in the last two bits, the kind.
const TREATIES: u64 = 1 << 62;
/// Ids of what happened begin here: its number.
const HISTORIES: u64 = 1 << 63;

/// All that is neither a treaty nor something that happened.
#[derive(Serialize, Deserialize)]
struct Rest<'a> {
    due: Cow<'a, VecDeque<DueAct>>,
    heard: i64,
    today: Today,
    incidents: Cow<'a, VecDeque<String>>,
    usual: Cow<'a, [Usual]>,
    told: Cow<'a, [(PairId, bool)]>,
    next: u64,
}

/// What an id is of.
enum Of {
    Rest,
    Treaty(PairId, TreatyKind),
    Happening(u64),
}

impl Of {
    fn id(&self) -> u64 {
        match self {
            Self::Rest => REST,
            Self::Treaty(pair, kind) => {
                let kind = TreatyKind::ALL.iter().zip(0_u64..).find(|(one, _)| *one == kind);
                TREATIES | u64::from(pair.0) << 2 | kind.map_or(0, |(_, number)| number)
            }
            Self::Happening(number) => HISTORIES | number,
        }
    }

    fn of_id(id: u64) -> Option<Self> {
        if id >= HISTORIES {
            return Some(Self::Happening(id ^ HISTORIES));
        }
        let Some(of) = id.checked_sub(TREATIES) else { return (id == REST).then_some(Self::Rest) };
        let kind = TreatyKind::ALL.get(usize::try_from(of & 3).ok()?)?;
        Some(Self::Treaty(PairId(u32::try_from(of >> 2).ok()?), *kind))
    }
}

impl PersistEntries for Affairs {
    const NAME: &'static str = "diplomacy.affairs";
    const VERSION: u32 = 2;

    fn ids(&self) -> Vec<u64> {
        let treaties = self.treaties.iter().map(|(pair, kind, _)| Of::Treaty(pair, kind));
        let happenings = self.histories.since(0).map(|(_, one)| Of::Happening(one.number));
        std::iter::once(Of::Rest).chain(treaties).chain(happenings).map(|of| of.id()).collect()
    }

    fn write(&self, id: u64, bytes: &mut Vec<u8>) -> Result<bool, String> {
        let written = match Of::of_id(id) {
            Some(Of::Rest) => {
                let rest = Rest {
                    due: Cow::Borrowed(&self.due),
                    heard: self.heard,
                    today: self.today,
                    incidents: Cow::Borrowed(&self.incidents),
                    usual: Cow::Borrowed(&self.usual),
                    told: Cow::Borrowed(&self.told),
                    next: self.histories.count(),
                };
                postcard::to_extend(&rest, std::mem::take(bytes))
            }
            Some(Of::Treaty(pair, kind)) => match self.treaties.get(pair, kind) {
                Some(treaty) => postcard::to_extend(&treaty, std::mem::take(bytes)),
                None => return Ok(false),
            },
            Some(Of::Happening(number)) => match self.histories.get(number) {
                Some(happening) => postcard::to_extend(&happening, std::mem::take(bytes)),
                None => return Ok(false),
            },
            None => return Ok(false),
        };
        *bytes = written.map_err(|error| error.to_string())?;
        Ok(true)
    }

    fn take_noted(&mut self, each: &mut dyn FnMut(u64)) {
        // What has changed at all has changed the rest: it counts what happened, and says until when it has heard.
        each(REST);
        self.treaties.take_noted().for_each(|(pair, kind)| each(Of::Treaty(pair, kind).id()));
        self.histories.take_noted().for_each(|number| each(Of::Happening(number).id()));
    }

    fn put(&mut self, id: u64, bytes: &[u8]) -> Result<(), String> {
        let said = |error: postcard::Error| error.to_string();
        match Of::of_id(id).ok_or_else(|| format!("nothing of it has the id {id}"))? {
            Of::Rest => {
                let rest: Rest<'_> = postcard::from_bytes(bytes).map_err(said)?;
                (self.heard, self.today) = (rest.heard, rest.today);
                (self.due, self.incidents) = (rest.due.into_owned(), rest.incidents.into_owned());
                (self.usual, self.told) = (rest.usual.into_owned(), rest.told.into_owned());
                self.histories.go_on_from(rest.next);
            }
            Of::Treaty(pair, kind) => {
                let treaty: Treaty = postcard::from_bytes(bytes).map_err(said)?;
                self.treaties.put(pair, kind, treaty);
            }
            Of::Happening(number) => {
                let (pair, happening): (PairId, Happening) = postcard::from_bytes(bytes).map_err(said)?;
                let in_order = self.histories.last().is_none_or(|last| last < number);
                if happening.number != number || number >= self.histories.count() || !in_order {
                    return Err(format!("what happened as number {} is saved as number {number}", happening.number));
                }
                self.histories.put(pair, happening);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::components::faction::{ActKind, What};

    fn happening(words: &str) -> Happening {
        let what = What::Act(ActKind::Trade, 3);
        Happening { number: 0, hour: -5, what, love: 0.25, trust: -0.0, score: 0.0, words: words.to_owned() }
    }

    fn noted(affairs: &mut Affairs) -> Vec<u64> {
        let mut ids = Vec::new();
        affairs.take_noted(&mut |id| ids.push(id));
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    fn bytes(affairs: &Affairs, id: u64) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        affairs.write(id, &mut bytes).expect("bytes").then_some(bytes)
    }

    #[test]
    fn affairs_come_back_entry_by_entry_and_note_what_happens() {
        let mut affairs = Affairs { heard: 7, incidents: ["a".to_owned()].into(), ..Affairs::default() };
        affairs.told.push((PairId(4), true));
        affairs.due.push_back(DueAct { index: 1, hour: 9 });
        for (pair, kind) in [(PairId(u32::MAX), TreatyKind::Truce), (PairId(2), TreatyKind::Trade)] {
            affairs.treaties.sign(pair, kind, Treaty { begins: -1, ends: 5 });
        }
        for pair in [3, 1, 3, 3] {
            affairs.histories.add(PairId(pair), happening("a gift"), (2, 100));
        }
        let ids = affairs.ids();
        assert!(ids.is_sorted() && ids.len() == 6, "{ids:?}");
        // The first that the third pair knew is forgotten, and noted as that.
        assert_eq!(noted(&mut affairs), [&ids[..3], &[HISTORIES], &ids[3..]].concat());
        assert_eq!(bytes(&affairs, HISTORIES), None);
        let mut back = Affairs::default();
        for id in &ids {
            let bytes = bytes(&affairs, *id).expect("an entry");
            assert!(back.clone().put(*id, bytes.get(1..).expect("bytes")).is_err(), "{id}");
            back.put(*id, &bytes).expect("it is one");
        }
        assert!(back == affairs && back.histories.count() == 4 && back.ids() == ids);
        noted(&mut back);
        back.treaties.end(PairId(2), TreatyKind::Trade);
        back.treaties.end(PairId(9), TreatyKind::Trade);
        back.histories.add(PairId(1), happening(""), (2, 100));
        assert_eq!(noted(&mut back), [REST, ids[1], HISTORIES | 4]);
        assert_eq!((bytes(&back, ids[1]), noted(&mut back)), (None, vec![REST]));
    }

    #[test]
    fn what_is_no_entry_is_refused() {
        let mut affairs = Affairs::default();
        affairs.histories.add(PairId(1), happening(""), (2, 100));
        let one = bytes(&affairs, HISTORIES).expect("an entry");
        for (id, bytes) in [(1, &[][..]), (TREATIES | 1 << 40, &[0, 0]), (HISTORIES, &one), (HISTORIES | 1, &one)] {
            assert!(affairs.put(id, bytes).is_err(), "{id}");
        }
        assert_eq!(bytes(&affairs, 1), None);
    }
}
