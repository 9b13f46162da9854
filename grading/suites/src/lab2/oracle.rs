//! The contract of a view service: what it may show after each event, whichever idle server it prefers, and what a
//! view server may never show.

use std::collections::BTreeMap;

use faultlab::Address;
use faultlab::property::{
    CheckError, Monitor, Property, Subject, results_satisfy, violated, watching,
};
use lab2_api::{Script, Shown, View, ViewEvent};

use super::setup::{describe, view_server};

/// The name of the property of scripts.
pub(super) const RULES: &str = "the view service keeps its rules";

/// The name of the property of what a view server shows over time.
pub(super) const NO_LOST_STATE: &str = "views follow each other by the rules";

/// What is known of the servers after some events, and what the service showed last.
#[derive(Default)]
struct Told {
    shown: Shown,
    /// The servers that are alive, with the number of checks since their last ping.
    missed: BTreeMap<Address, u8>,
}

/// What must be shown now: whether the view is acknowledged, and which views are right.
struct Expected {
    views: Vec<View>,
    is_acknowledged: bool,
}

impl Told {
    /// What must be shown after this event.
    fn tell(&mut self, event: ViewEvent) -> Expected {
        let Shown { view, mut is_acknowledged } = self.shown;
        match event {
            ViewEvent::Ping { server, number } => {
                self.missed.insert(server, 0);
                if view.number == 0 {
                    let first = View { number: 1, primary: Some(server), backup: None };
                    return Expected { views: vec![first], is_acknowledged: false };
                }
                is_acknowledged |= view.primary == Some(server) && number == view.number;
            }
            ViewEvent::Check => {
                self.missed.values_mut().for_each(|missed| *missed += 1);
                self.missed.retain(|_, missed| *missed < 2);
            }
        }
        if !is_acknowledged {
            return Expected { views: vec![view], is_acknowledged };
        }
        let views = self.due(view);
        if views.is_empty() {
            Expected { views: vec![view], is_acknowledged }
        } else {
            Expected { views, is_acknowledged: false }
        }
    }

    /// The views of which one is due after an acknowledged one; none if it stays.
    fn due(&self, view: View) -> Vec<View> {
        let alive = |server: Option<Address>| server.filter(|it| self.missed.contains_key(it));
        let (primary, backup) = match (alive(view.primary), alive(view.backup)) {
            (Some(primary), backup) => (primary, backup),
            (None, Some(backup)) => (backup, None),
            (None, None) => return Vec::new(),
        };
        let idle = || self.missed.keys().copied().filter(|&server| !view.has(server));
        let mut others: Vec<Option<Address>> = match backup {
            Some(backup) => vec![Some(backup)],
            None => idle().map(Some).collect(),
        };
        if others.is_empty() {
            others.push(None);
        }
        others
            .into_iter()
            .filter(|&other| (Some(primary), other) != (view.primary, view.backup))
            .map(|backup| View { number: view.number + 1, primary: Some(primary), backup })
            .collect()
    }
}

/// Every script gets what the contract allows.
#[must_use]
pub fn rules_kept() -> Property {
    results_satisfy::<Script, Vec<Shown>>(RULES, |answered| {
        for (node, scripts) in answered {
            for (index, (Script(events), shown)) in scripts.iter().enumerate() {
                judge(events, shown)
                    .map_err(|broken| broken.about(Subject::operation(*node, index)))?;
            }
        }
        Ok(())
    })
}

/// Checks what was shown after each event of a script.
fn judge(events: &[ViewEvent], shown: &[Shown]) -> Result<(), CheckError> {
    let mut told = Told::default();
    for (index, &event) in events.iter().enumerate() {
        let before = told.shown;
        let expected = told.tell(event);
        let Some(&now) = shown.get(index) else {
            return Err(violated("an answer to each event", format!("{} answers", shown.len())));
        };
        if !expected.views.contains(&now.view) || now.is_acknowledged != expected.is_acknowledged {
            let is_acknowledged = expected.is_acknowledged;
            let right =
                expected.views.iter().map(|&view| describe(Shown { view, is_acknowledged }));
            return Err(violated(
                format!(
                    "{} after {}",
                    right.collect::<Vec<_>>().join(", or "),
                    told_so_far(&events[..=index])
                ),
                format!("it showed {}, and before this event {}", describe(now), describe(before)),
            ));
        }
        told.shown = now;
    }
    Ok(())
}

/// Events as text: `ping(server1, 0), check`.
fn told_so_far(events: &[ViewEvent]) -> String {
    let text = |event: &ViewEvent| match event {
        ViewEvent::Ping { server, number } => format!("ping({server}, {number})"),
        ViewEvent::Check => "check".to_owned(),
    };
    events.iter().map(text).collect::<Vec<_>>().join(", ")
}

/// What the view server shows one after the other: numbers rise by one, and the primary is one of the two servers that
/// were in place before. Whether a view was acknowledged before the next one began does not show, as one ping may do both.
#[must_use]
pub fn views_follow() -> impl Monitor + 'static {
    watching(NO_LOST_STATE, [view_server()], &(), |last: &mut Shown, _, now: Shown| {
        let before = std::mem::replace(last, now);
        follows(before, now)
    })
}

/// Whether a view server may show this after that.
fn follows(before: Shown, now: Shown) -> Result<(), CheckError> {
    let wrong = |expected: &str| {
        let seen = format!("{} came after {}", describe(now), describe(before));
        Err(violated(expected, seen))
    };
    if now.view.primary.is_some() && now.view.primary == now.view.backup {
        return wrong("a backup that is not the primary itself");
    }
    if now.view == before.view {
        return match (before.is_acknowledged, now.is_acknowledged) {
            (true, false) => wrong("a view that stays acknowledged"),
            _ => Ok(()),
        };
    }
    if now.view.number != before.view.number + 1 {
        return wrong("a new view to have the next number, and a view never to change");
    }
    if before.view.number == 0 {
        return match (now.view.primary, now.view.backup) {
            (Some(_), None) => Ok(()),
            _ => wrong("a first view with a primary and without a backup"),
        };
    }
    if now.view.primary.is_none_or(|primary| !before.view.has(primary)) {
        return wrong("a primary that was the primary or the backup before");
    }
    if (now.view.primary, now.view.backup) == (before.view.primary, before.view.backup) {
        return wrong("a new view to change something");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(number: usize) -> Address {
        Address::numbered("server", number)
    }

    fn shown(number: u64, primary: usize, backup: Option<usize>, is_acknowledged: bool) -> Shown {
        let view = View { number, primary: Some(server(primary)), backup: backup.map(server) };
        Shown { view, is_acknowledged }
    }

    fn ping(number: usize, view: u64) -> ViewEvent {
        ViewEvent::Ping { server: server(number), number: view }
    }

    #[test]
    fn the_next_view_begins_when_it_is_due() {
        let events = [
            ping(1, 0),
            ping(2, 0),
            ping(1, 1),
            ping(1, 2),
            ViewEvent::Check,
            ping(2, 0),
            ViewEvent::Check,
        ];
        let right = [
            shown(1, 1, None, false),
            shown(1, 1, None, false),
            shown(2, 1, Some(2), false),
            shown(2, 1, Some(2), true),
            shown(2, 1, Some(2), true),
            shown(2, 1, Some(2), true),
            shown(3, 2, None, false),
        ];
        assert!(judge(&events, &right).is_ok());
        for (index, wrong) in [
            (6, shown(2, 1, Some(2), true)),
            (6, shown(4, 2, None, false)),
            (6, shown(3, 1, None, false)),
            (3, shown(2, 1, Some(2), false)),
            (1, shown(2, 1, Some(2), false)),
        ] {
            let mut shown = right;
            shown[index] = wrong;
            assert!(judge(&events, &shown).is_err(), "{wrong:?}");
        }
        assert!(judge(&events, &right[..6]).is_err());
    }

    #[test]
    fn any_idle_server_may_become_the_backup() {
        let events = [ping(1, 0), ping(2, 0), ping(3, 0), ping(1, 1)];
        let first = shown(1, 1, None, false);
        for backup in [2, 3] {
            assert!(
                judge(&events, &[first, first, first, shown(2, 1, Some(backup), false)]).is_ok()
            );
        }
        assert!(judge(&events, &[first, first, first, shown(2, 1, None, false)]).is_err());
    }

    #[test]
    fn a_view_follows_from_the_one_before() {
        let (acknowledged, fresh) = (shown(2, 1, Some(2), true), shown(2, 1, Some(2), false));
        assert!(follows(fresh, acknowledged).is_ok());
        assert!(follows(acknowledged, fresh).is_err());
        assert!(follows(acknowledged, shown(3, 2, Some(3), false)).is_ok());
        // One ping may acknowledge a view and begin the next one.
        assert!(follows(fresh, shown(3, 2, None, false)).is_ok());
        assert!(follows(acknowledged, shown(3, 3, None, false)).is_err());
        assert!(follows(acknowledged, shown(4, 2, None, false)).is_err());
        assert!(follows(acknowledged, shown(3, 1, Some(2), false)).is_err());
        assert!(follows(acknowledged, shown(3, 1, Some(1), false)).is_err());
        assert!(follows(Shown::default(), shown(1, 1, Some(2), false)).is_err());
        assert!(follows(Shown::default(), shown(1, 1, None, false)).is_ok());
    }
}
