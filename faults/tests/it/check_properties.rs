//! Any healthy run has no finding, and any run with one anomaly has exactly that one.

use faults::check::check;
use faults::ledger::{Moment, Outcome};
use proptest::prelude::*;

use crate::synth::{STALL, Size, Synth, healthy, millis, rules};

fn size() -> impl Strategy<Value = Size> {
    (any::<u64>(), 50_u64..400, 1_u32..30, 1_u32..12, 2_u32..4).prop_map(
        |(seed, ids, keys, sources, instances)| Size {
            seed,
            ids,
            keys,
            sources,
            instances,
        },
    )
}

#[derive(Clone, Copy, Debug)]
enum Anomaly {
    Lost,
    Ghost,
    Refused,
    Repeated,
    Disorder,
    TwoOwners,
    Stall,
    WithoutOutput,
    OutputTwice,
    Dead,
}

fn anomaly() -> impl Strategy<Value = Anomaly> {
    prop::sample::select(vec![
        Anomaly::Lost,
        Anomaly::Ghost,
        Anomaly::Refused,
        Anomaly::Repeated,
        Anomaly::Disorder,
        Anomaly::TwoOwners,
        Anomaly::Stall,
        Anomaly::WithoutOutput,
        Anomaly::OutputTwice,
        Anomaly::Dead,
    ])
}

/// Puts one anomaly where `place` says and names it.
fn seed(synth: &mut Synth, anomaly: Anomaly, place: usize) -> &'static str {
    let place = place % synth.stories.len();
    let story = &mut synth.stories[place];
    let (instance, start, end) = story.handlings[0].clone();
    match anomaly {
        Anomaly::Lost => {
            story.handlings.clear();
            story.outputs.clear();
            "lost"
        }
        Anomaly::Ghost => {
            synth.add("in-0", &instance, start, end).intended = false;
            "unexpected"
        }
        Anomaly::Refused => {
            story.outcome = Outcome::Fail;
            "unexpected"
        }
        Anomaly::Repeated => {
            let again = end.plus(millis(10));
            story.handlings.push((instance, again, again));
            "repeated without a fault"
        }
        Anomaly::Disorder => {
            let key = story.key;
            let last = story.seq;
            synth.add("in-0", &instance, Moment(start.0 - 1), end);
            let added = synth.stories.last_mut().unwrap();
            added.key = key;
            added.seq = last + 1;
            // The one that the new message took the place of comes after it.
            let id = added.id;
            for story in synth
                .stories
                .iter_mut()
                .filter(|story| story.key == key && story.id != id)
            {
                story.seq += u64::from(story.seq > last);
            }
            "disorder"
        }
        Anomaly::TwoOwners => {
            synth.add("shared", "x", start, start.plus(millis(100)));
            synth.add("shared", "y", start, start.plus(millis(100)));
            "two owners"
        }
        Anomaly::Stall => {
            synth.add("slow", &instance, start, end);
            let slow = synth.add("slow", &instance, start, end.plus(STALL + millis(1)));
            slow.handlings[0].1 = end.plus(STALL);
            "stalls"
        }
        Anomaly::WithoutOutput => {
            story.outputs.clear();
            "effects without output"
        }
        Anomaly::OutputTwice => {
            story.outputs.push((u64::MAX, end.plus(millis(3))));
            "conservation"
        }
        Anomaly::Dead => {
            story.dead.push(end);
            "unexpected dead letters"
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_healthy_run_has_no_finding(size in size(), faults in prop::collection::vec(0_u64..200, 0..4)) {
        let mut synth = healthy(&size);
        for at in faults {
            let at = synth.stories[0].published.plus(millis(at));
            synth.fault("cut", "relay", at, at.plus(millis(5)));
        }
        let findings = check(&synth.run(), &rules());
        prop_assert_eq!(findings.anomalies(), []);
        prop_assert_eq!(findings.repeated(), 0);
    }

    #[test]
    fn any_single_anomaly_is_found_and_nothing_else(size in size(), anomaly in anomaly(), place in any::<usize>()) {
        let mut synth = healthy(&size);
        let expected = seed(&mut synth, anomaly, place);
        prop_assert_eq!(check(&synth.run(), &rules()).anomalies(), [(expected, 1)]);
    }

    #[test]
    fn any_repeat_within_a_fault_is_attributed(size in size(), place in any::<usize>(), late in 0_u64..45) {
        let mut synth = healthy(&size);
        let place = place % synth.stories.len();
        let (instance, _, end) = synth.stories[place].handlings[0].clone();
        let again = end.plus(millis(late));
        synth.stories[place].handlings.push((instance.clone(), again, again));
        synth.fault("kill", &instance, end, end);
        let findings = check(&synth.run(), &rules());
        prop_assert_eq!(findings.anomalies(), []);
        prop_assert_eq!(findings.repeats_per_fault, [1]);
    }
}
