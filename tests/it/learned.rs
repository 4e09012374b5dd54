//! The rule of admission learned from logs that were made under a known rule.

use std::{collections::BinaryHeap, time::Duration};

use burndown::{
    calendar::moment_text,
    capacity::{
        Admission, AdmissionRules, EstimateKind, Outcome, Overrun, PtRule, Refund, RequestType, Ticket,
        WindowClock, WindowKind,
    },
    emulator::{Emulator, Purchase, Setup},
    model::{Backend, Location},
    replay::{
        AdmissionLog, BurnRates, LearnError, LearnOptions, Learning, LogNotes, LoggedTime, Misfit, Sighting,
        Verdict, learn,
    },
    stats::generator,
    usage::{NOT_TOLD, OBSERVATION_SCHEMA, Observation, RecordKind},
};
use rand::RngExt;
use rand_distr::{Distribution, Exp, Gamma, LogNormal};
use serde_json::{Value, json};

use crate::{
    cli::burndown,
    emulator::{VERTEX, call, edit, json_of, reading, setup},
};

const SECOND: u64 = 1_000_000;
const WINDOW: u64 = 30;
const START: i64 = 1_793_664_000_000_000;
const CAP: u64 = 20_000;

/// Mean output of the two kinds of request below.
const MEANS: [u64; 2] = [1_450, 400];
const LARGEST: [u64; 2] = [4_000, 400];

/// How a log is made.
#[derive(Clone, Copy)]
struct World {
    rule: PtRule,
    /// Requests of a window on average, and the share of the quota that they would burn.
    requests: f64,
    load: f64,
    windows: u64,
    latency: f64,
    /// Parts of a second by which logged times are off.
    jitter: f64,
    seed: u64,
}

const WORLD: World = World {
    rule: PtRule::OF_THE_CURVE,
    requests: 20.0,
    load: 0.95,
    windows: 240,
    latency: 12.0,
    jitter: 0.0,
    seed: 1,
};

impl World {
    fn quota(&self) -> u64 {
        let mean = 0.8 * (100.0 + MEANS[0] as f64) + 0.2 * (100.0 + MEANS[1] as f64);
        (self.requests * mean / self.load) as u64 / WINDOW * WINDOW
    }

    /// Bursty arrivals of two kinds of request: four fifths burn 1,000 to 4,000, the rest 400 each.
    fn arrivals(&self) -> Vec<Sighting> {
        let mut random = generator(self.seed, 7);
        let latency = LogNormal::new(self.latency.max(1e-9).ln() - 0.08, 0.4).unwrap();
        let factor = Gamma::new(8.0, 1.0 / 8.0).unwrap();
        let mut found = Vec::new();
        let per_second = self.requests / WINDOW as f64;
        let end = (self.windows * WINDOW) as f64;
        let (mut at, mut until, mut rate) = (3.7, 0.0, 1.0);
        while at < end {
            if at >= until {
                rate = factor.sample(&mut random);
                until = at + 300.0;
            }
            at += Exp::new(per_second * rate).unwrap().sample(&mut random);
            let kind = u16::from(random.random::<f64>() < 0.2);
            let point: f64 = random.random();
            let output = match kind {
                1 => 400,
                _ if point < 0.7 => 1_000,
                _ if point < 0.9 => 2_000,
                _ => 4_000,
            };
            let input = random.random_range(50..=150);
            found.push(Sighting {
                at_micros: START + (at * 1e6) as i64,
                latency_micros: if self.latency > 0.0 {
                    (latency.sample(&mut random) * 1e6) as u64
                } else {
                    0
                },
                input_units: input,
                units: input + output,
                kind,
                served: false,
            });
        }
        found
    }

    /// The log that a platform with this rule would write.
    fn log(&self) -> AdmissionLog {
        let mut sightings = self.arrivals();
        let clock = match self.rule.clock {
            WindowKind::Fixed => WindowClock::Fixed { phase_micros: 11_300_000 },
            WindowKind::Sliding => WindowClock::Sliding,
            WindowKind::Bucket => WindowClock::Bucket,
        };
        let rules = AdmissionRules {
            quota: self.quota(),
            window_micros: WINDOW * SECOND,
            clock,
            refund: self.rule.refund,
            overrun: self.rule.overrun,
        };
        let mut admission = Admission::new(rules).unwrap();
        let mut open: BinaryHeap<(std::cmp::Reverse<(u64, usize)>, u64)> = BinaryHeap::new();
        let mut tickets: Vec<Option<Ticket>> = Vec::new();
        for (number, one) in sightings.iter_mut().enumerate() {
            let at = (one.at_micros - START) as u64;
            while open.peek().is_some_and(|(std::cmp::Reverse((done, _)), _)| *done <= at) {
                let (std::cmp::Reverse((done, number)), units) = open.pop().unwrap();
                admission.complete(tickets[number].take().unwrap(), done, units);
            }
            let kind = usize::from(one.kind);
            let estimate = match self.rule.estimate {
                EstimateKind::Mean => one.input_units + MEANS[kind],
                EstimateKind::Maximum => one.input_units + LARGEST[kind],
                EstimateKind::Actual => one.units,
                EstimateKind::Input => one.input_units,
                EstimateKind::ContractCap => one.input_units + CAP,
            };
            tickets.push(None);
            if let Outcome::Provisioned(ticket) = admission.arrive(at, estimate, RequestType::Unset) {
                one.served = true;
                tickets[number] = Some(ticket);
                open.push((std::cmp::Reverse((at + one.latency_micros, number)), one.units));
            }
        }
        let mut random = generator(self.seed, 8);
        for one in &mut sightings {
            one.at_micros += (self.jitter * 1e6 * (2.0 * random.random::<f64>() - 1.0)) as i64;
        }
        sightings.sort_by_key(|one| one.at_micros);
        let notes = LogNotes { attempts: sightings.len() as u64, ..LogNotes::default() };
        AdmissionLog { sightings, notes }
    }

    fn options(&self, invocations: usize) -> LearnOptions {
        LearnOptions {
            quota_units: self.quota(),
            window_seconds: WINDOW,
            cap_units: CAP,
            invocations: Some(invocations as u64),
            confidence: 0.95,
            seed: self.seed,
        }
    }

    fn learned(&self) -> Learning {
        let log = self.log();
        learn(&log, &self.options(log.sightings.len())).unwrap()
    }
}

fn allows(learning: &Learning, rule: PtRule) -> bool {
    learning.scores.iter().any(|score| score.possible && score.rule == rule)
}

/// The one rule that a learner of single steps cannot follow: debts that are never given back wander.
fn wanders(rule: PtRule) -> bool {
    rule.clock == WindowKind::Bucket && rule.refund == Refund::Never && rule.overrun == Overrun::Debt
}

/// How often the true rule stayed possible, was the only one, and how often another was called the only one.
#[derive(Debug, Default)]
struct Tally {
    logs: u32,
    kept: u32,
    alone: u32,
    wrong: u32,
}

impl Tally {
    fn add(&mut self, world: World) {
        let learning = world.learned();
        let kept = allows(&learning, world.rule);
        self.logs += 1;
        self.kept += u32::from(kept);
        self.alone += u32::from(kept && learning.verdict == Verdict::Found);
        self.wrong += u32::from(!kept && !matches!(learning.verdict, Verdict::NoneFits { .. }));
    }
}

fn mean(clock: WindowKind) -> PtRule {
    PtRule { clock, ..PtRule::OF_THE_CURVE }
}

fn rule(estimate: EstimateKind, clock: WindowKind, refund: Refund) -> PtRule {
    PtRule { estimate, clock, refund, ..PtRule::OF_THE_CURVE }
}

#[test]
fn the_rule_that_made_a_log_is_found() {
    let rules = [
        mean(WindowKind::Fixed),
        mean(WindowKind::Sliding),
        rule(EstimateKind::Maximum, WindowKind::Fixed, Refund::Any),
        rule(EstimateKind::Maximum, WindowKind::Fixed, Refund::Never),
        rule(EstimateKind::Actual, WindowKind::Fixed, Refund::Any),
        rule(EstimateKind::Actual, WindowKind::Bucket, Refund::Any),
        rule(EstimateKind::ContractCap, WindowKind::Fixed, Refund::SameWindow),
    ];
    let mut tally = Tally::default();
    for (at, rule) in rules.into_iter().enumerate() {
        tally.add(World { rule, seed: 40 + at as u64, windows: 400, ..WORLD });
    }
    assert_eq!((tally.kept, tally.alone, tally.wrong), (7, 7, 0), "{tally:?}");
}

/// All rules, 20 seeds, four kinds of traffic; minutes.
#[test]
fn the_rule_that_made_a_log_is_kept_in_95_of_100_logs() {
    if std::env::var_os("RUN_SLOW_TESTS").is_none() {
        return;
    }
    let worlds = [
        ("busy", WORLD),
        ("few requests a window", World { requests: 6.0, windows: 800, ..WORLD }),
        ("little spill", World { load: 0.6, ..WORLD }),
        ("slow answers", World { latency: 45.0, ..WORLD }),
        ("times off by 0.2 s", World { jitter: 0.2, ..WORLD }),
    ];
    for (name, world) in worlds {
        let mut tally = Tally::default();
        for rule in PtRule::all().into_iter().filter(|rule| !wanders(*rule)) {
            for seed in 100..120 {
                tally.add(World { rule, seed, ..world });
            }
        }
        eprintln!("{name}: {tally:?}");
        assert!(f64::from(tally.kept) >= 0.95 * f64::from(tally.logs), "{name}: {tally:?}");
    }
}

#[test]
fn rules_that_agree_on_a_log_are_not_told_apart() {
    // Hardly a window fills: the log speaks against rules that would have left much, and of no other.
    let calm = World { load: 0.25, ..WORLD }.learned();
    assert!(matches!(calm.verdict, Verdict::CannotTell { possible } if possible > 15), "{:?}", calm.verdict);
    assert!(allows(&calm, PtRule::OF_THE_CURVE) && allows(&calm, mean(WindowKind::Bucket)));
    assert!(!allows(&calm, rule(EstimateKind::ContractCap, WindowKind::Fixed, Refund::Never)));
    // Answers at once come back in the window of their request, whatever the rule of late ones.
    let truth = rule(EstimateKind::Maximum, WindowKind::Fixed, Refund::Any);
    let at_once = World { rule: truth, latency: 0.0, ..WORLD }.learned();
    assert_eq!(at_once.verdict, Verdict::CannotTell { possible: 2 });
    assert!(allows(&at_once, truth));
    assert!(allows(&at_once, PtRule { refund: Refund::SameWindow, ..truth }));
}

#[test]
fn the_phase_and_the_mean_are_fitted() {
    let learning = World { windows: 480, ..WORLD }.learned();
    let best = &learning.scores[0];
    assert_eq!((learning.verdict, best.rule), (Verdict::Found, PtRule::OF_THE_CURVE));
    // Windows begin 11.3 s after START, which is a whole number of windows since 1970.
    assert!((best.phase_seconds.unwrap() - 11.3).abs() < 0.1, "{best:?}");
    assert!((best.mean_factor.unwrap() - 1.0).abs() < 0.1, "{best:?}");
}

/// Every other request, or all but every n-th.
fn thinned(log: &AdmissionLog, keep: impl Fn(usize) -> bool) -> AdmissionLog {
    let kept = log.sightings.iter().enumerate().filter(|(at, _)| keep(*at));
    let sightings: Vec<Sighting> = kept.map(|(_, one)| *one).collect();
    let notes = LogNotes { attempts: sightings.len() as u64, ..LogNotes::default() };
    AdmissionLog { sightings, notes }
}

#[test]
fn a_log_with_holes_is_refused_and_one_that_lies_about_them_fits_no_rule() {
    let world = World { windows: 300, ..WORLD };
    let log = world.log();
    let all = log.sightings.len();
    let half = thinned(&log, |at| at % 2 == 0);
    let usable = half.sightings.len() as u64;
    let refused = learn(&half, &world.options(all)).unwrap_err();
    assert_eq!(refused, LearnError::Incomplete { usable, invocations: all as u64 });
    assert!(refused.to_string().contains("50.0 % are missing"), "{refused}");
    let untold = LearnOptions { invocations: None, ..world.options(all) };
    assert_eq!(learn(&log, &untold).unwrap_err(), LearnError::NoControlTotal);
    let other = learn(&log, &world.options(all / 2)).unwrap_err();
    assert!(matches!(other, LearnError::TooMany { .. }), "{other}");
    // Told that the half is all, the learner sees spill where there was room.
    let believed = learn(&half, &world.options(half.sightings.len())).unwrap();
    assert_eq!(believed.verdict, Verdict::NoneFits { mostly: Misfit::SpilledWithRoom });
}

#[test]
fn one_missing_request_in_a_hundred_does_not_hide_the_rule() {
    for (seed, rule) in [(1, mean(WindowKind::Fixed)), (2, mean(WindowKind::Sliding))] {
        let world = World { rule, seed, windows: 400, ..WORLD };
        let log = world.log();
        let nearly = thinned(&log, |at| at % 101 != 50);
        let learning = learn(&nearly, &world.options(log.sightings.len())).unwrap();
        assert!(allows(&learning, rule), "{:?}", learning.scores[0]);
        assert!(!matches!(learning.verdict, Verdict::NoneFits { .. }));
    }
}

#[test]
fn a_wrong_gsu_count_fits_no_rule() {
    let world = World { windows: 300, ..WORLD };
    let log = world.log();
    let options = world.options(log.sightings.len());
    let with = |quota_units| learn(&log, &LearnOptions { quota_units, ..options }).unwrap().verdict;
    assert_eq!(with(world.quota() / 2), Verdict::NoneFits { mostly: Misfit::ServedWithoutRoom });
    assert_eq!(with(world.quota() * 2), Verdict::NoneFits { mostly: Misfit::SpilledWithRoom });
}

#[test]
fn a_short_log_and_an_empty_one_are_refused() {
    let short = World { windows: 30, ..WORLD };
    let log = short.log();
    let error = learn(&log, &short.options(log.sightings.len())).unwrap_err();
    assert!(matches!(error, LearnError::TooShort { block_seconds: 120, .. }), "{error}");
    let none =
        AdmissionLog { notes: LogNotes { attempts: 5, ..LogNotes::default() }, ..AdmissionLog::default() };
    let error = learn(&none, &short.options(5)).unwrap_err();
    assert!(matches!(error, LearnError::NothingTold { attempts: 5, .. }), "{error}");
}

/// Requests to the emulator at known times, read back as any log is.
#[test]
fn the_emulators_rule_is_learned_from_its_answers() {
    let library = crate::shipped();
    let (day, model) = ("2026-11-21".parse().unwrap(), "gemini-3-pro-image");
    let bought = Purchase::of(&library.capacity, model.into(), Location::Global, 245, day).unwrap();
    let emulator = Emulator::new(Setup { purchases: vec![bought], ..setup("2026-11-21") });
    let mut random = generator(5, 5);
    let (mut at, mut rows) = (0.0, Vec::new());
    for _ in 0..2_400 {
        at += Exp::new(1.6).unwrap().sample(&mut random);
        let reply = emulator.handle_at(&call(VERTEX, &edit()), Duration::from_secs_f64(at));
        let (body, reading) = (json_of(&reply), reading(&reply));
        rows.push(Observation {
            schema: OBSERVATION_SCHEMA.into(),
            at: moment_text(START + (at * 1e6) as i64),
            backend: Some(Backend::Vertex),
            model: model.into(),
            status: Some(reply.status),
            usage: body["usageMetadata"].as_object().cloned(),
            image_parts: Some(reading.image_parts),
            latency_seconds: Some(0.0),
            kind: RecordKind::Rehearsed,
            ..NOT_TOLD
        });
    }
    let rates = BurnRates::of_model(&library.capacity, &model.into(), day).unwrap();
    let log = AdmissionLog::of(&rows, &rates, LoggedTime::Arrival, |_| true);
    assert_eq!((log.sightings.len(), log.notes.rehearsed), (2_400, 2_400));
    let options = LearnOptions {
        quota_units: 245 * 500 * 5 * rates.units_per_burn(),
        window_seconds: 5,
        cap_units: 32_768 * 60 * rates.units_per_burn(),
        invocations: Some(2_400),
        confidence: 0.95,
        seed: 1,
    };
    let learning = learn(&log, &options).unwrap();
    let shown: Vec<String> = learning.scores.iter().take(6).map(|s| format!("{s:?}")).collect();
    assert!(allows(&learning, PtRule::OF_THE_CURVE), "{}", shown.join("\n"));
    let possible = || learning.scores.iter().filter(|score| score.possible);
    assert!(possible().all(|score| score.rule.clock == WindowKind::Fixed), "{}", shown.join("\n"));
    assert!(learning.spilled > 100, "{}", learning.spilled);
}

/// The log as observations, written where the command line finds it.
fn written(world: &World, folder: &std::path::Path) -> (String, usize) {
    let log = world.log();
    let mut text = String::new();
    for one in &log.sightings {
        let traffic = if one.served { "PROVISIONED_THROUGHPUT" } else { "ON_DEMAND" };
        let output = one.units - one.input_units;
        let size = if one.kind == 0 { "1K" } else { "2K" };
        let row = json!({
            "schema": OBSERVATION_SCHEMA,
            "at": moment_text(one.at_micros + one.latency_micros as i64),
            "backend": "vertex", "model": "gemini-3-pro-image", "kind": "measured", "status": 200,
            "shape": {"output_size": size},
            "latency_seconds": one.latency_micros as f64 / 1e6,
            "usage": {"promptTokenCount": one.input_units, "candidatesTokenCount": output,
                      "totalTokenCount": one.units, "trafficType": traffic},
        });
        text += &format!("{row}\n");
    }
    let path = folder.join("log.jsonl");
    std::fs::write(&path, text).unwrap();
    (path.display().to_string(), log.sightings.len())
}

fn plan_with(folder: &str) -> (Value, String) {
    let arguments = ["plan", "company", "--on=2026-11-21", "--profiles", folder];
    let text = burndown(&arguments);
    let json = burndown(&[&arguments[..], &["--json"]].concat());
    assert_eq!(json.code, 0, "{}", json.stderr);
    (serde_json::from_str(&json.stdout).unwrap(), text.stdout)
}

#[test]
fn what_a_log_taught_narrows_the_plan_and_the_plan_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().to_str().unwrap().to_string();
    let world = World { rule: mean(WindowKind::Sliding), windows: 300, ..WORLD };
    let (log, n) = written(&world, folder.path());
    std::fs::create_dir(folder.path().join("provisioned")).unwrap();
    let (before, _) = plan_with(&root);
    let rate = (world.quota() / WINDOW).to_string();
    let file = format!("{root}/provisioned/rule.toml");
    let base = ["replay", &log, "--learn-rule", "--model=nano-banana-pro", "--gsu=1", "--window=30"];
    let weights = ["--burn-input=1", "--burn-output=1", "--burn-per-second-per-gsu", &rate];
    let count = n.to_string();
    let told = ["--invocations", &count, "--rule-file", &file];
    let learned = burndown(&[&base[..], &weights, &told].concat());
    assert_eq!(learned.code, 0, "{}", learned.stderr);
    assert!(learned.stdout.contains("Found: mean output, sliding window;"), "{}", learned.stdout);
    let (after, text) = plan_with(&root);
    let pool = |plan: &Value| {
        let pools = plan["gsu"]["pools"].as_array().unwrap();
        pools.iter().find(|pool| pool["model"] == "gemini-3-pro-image").unwrap().clone()
    };
    let (old, new) = (pool(&before), pool(&after));
    assert!(old["learned"].is_null());
    assert_eq!(new["learned"]["possible"].as_array().unwrap().len(), 1);
    let mut narrowed = 0;
    for (old, new) in old["rules"].as_array().unwrap().iter().zip(new["rules"].as_array().unwrap()) {
        let width = |one: &Value| one["envelope"][1].as_f64().unwrap() - one["envelope"][0].as_f64().unwrap();
        assert_eq!(width(new), 0.0);
        narrowed += u32::from(width(old) > 0.0);
        let sliding = |one: &Value| one["rules"][2]["left_share"].as_f64().unwrap();
        assert_eq!(new["learned"][0]["left_share"].as_f64(), Some(sliding(old)));
        let excluded = |at: usize| new["rules"][at]["excluded"].as_bool().unwrap();
        assert_eq!([0, 1, 2, 3, 4].map(excluded), [true, true, false, true, true]);
        assert!(old["learned"].is_null() && old["rules"][0]["excluded"].is_null());
    }
    assert!(narrowed > 0);
    the_switch_is_told(&old, &new);
    form_and_table_say_so(&root);
    assert!(text.contains("left (rule learned)") || !text.contains("gemini-3-pro-image"), "{text}");
    let measured =
        format!("admission measured on n {}", grouped(new["learned"]["requests"].as_u64().unwrap()));
    assert!(text.contains(&measured) || !text.contains("left (rule learned)"), "{text}");
    // The same log without a control total, and one that exists already.
    let without = burndown(&[&base[..], &weights].concat());
    assert!(without.code == 2 && without.stderr.contains("--invocations N"), "{}", without.stderr);
    let again = burndown(&[&base[..], &weights, &told].concat());
    assert!(again.code == 2 && again.stderr.contains("is not overwritten"), "{}", again.stderr);
}

fn grouped(number: u64) -> String {
    if number < 1_000 { number.to_string() } else { format!("{},{:03}", number / 1_000, number % 1_000) }
}

/// Estimate, clock, refund and overrun before and after the log.
fn the_switch_is_told(old: &Value, new: &Value) {
    let told = |pool: &Value| -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_string();
        let answers = pool["admission"].as_array().unwrap();
        answers.iter().map(|one| (text(&one["taken"]), text(&one["grade"]))).collect()
    };
    let pairs = |given: &[(&str, &str)]| -> Vec<(String, String)> {
        given.iter().map(|(taken, grade)| (taken.to_string(), grade.to_string())).collect()
    };
    let back = "given back whenever the answer is whole";
    let assumed = [
        ("mean output", "assumed"),
        ("fixed clock", "documented"),
        (back, "assumed"),
        ("forgotten", "assumed"),
    ];
    assert_eq!(told(old), pairs(&assumed));
    let measured = [
        ("mean output", "measured"),
        ("sliding window", "measured"),
        (back, "measured"),
        ("makes no difference", "measured"),
    ];
    assert_eq!(told(new), pairs(&measured));
    let evidence = new["admission"][1]["evidence"].as_str().unwrap();
    assert_eq!(evidence, format!("n {}, 2026-11-03 to 2026-11-03", new["learned"]["requests"]));
}

/// The tables, the form, and every learned number back to its arithmetic.
fn form_and_table_say_so(root: &str) {
    let folder = format!("{root}/out");
    let run = burndown(&["plan", "company", "--on=2026-11-21", "--profiles", root, "--out", &folder]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let table = |name: &str| std::fs::read_to_string(format!("{folder}/{name}.csv")).unwrap();
    let rules = table("gsu_rules");
    assert!(rules.contains("excluded") && rules.contains("mean output, sliding window"), "{rules}");
    let admission = table("gsu_admission");
    assert!(admission.contains("clock of the window,sliding window,measured,"), "{admission}");
    assert!(admission.contains("clock of the window,fixed clock,documented,"), "other models: {admission}");
    let form = burndown(&["gsu", "company", "--on=2026-11-21", "--profiles", root]);
    assert!(form.stdout.replace('\n', " ").contains("admission"), "{}", form.stdout);
    let plan: Value =
        serde_json::from_str(&std::fs::read_to_string(format!("{folder}/plan.json")).unwrap()).unwrap();
    let pools = plan["gsu"]["pools"].as_array().unwrap();
    let at = pools.iter().position(|pool| !pool["learned"].is_null()).unwrap();
    let mut explained = 0;
    for (rule, envelope) in pools[at]["rules"].as_array().unwrap().iter().enumerate() {
        let base = format!("/gsu/pools/{at}/rules/{rule}");
        let mut pointers = vec![format!("{base}/envelope/0"), format!("{base}/envelope/1")];
        for one in 0..envelope["learned"].as_array().unwrap().len() {
            pointers.extend(["difference", "left_share"].map(|key| format!("{base}/learned/{one}/{key}")));
        }
        for pointer in pointers {
            let found = burndown::report::explain(&plan, &pointer).unwrap();
            assert_eq!(found.agrees, Some(true), "{pointer}: {found:?}");
            explained += 1;
        }
    }
    assert!(explained > 0);
}

/// The control total and the count from Cloud Monitoring instead of flags.
#[test]
fn metrics_tell_a_log_its_control_total_and_its_count() {
    let folder = tempfile::tempdir().unwrap();
    let world = World { windows: 200, ..WORLD };
    let log = world.log();
    let (path, n) = written(&world, folder.path());
    let minutes = world.windows * WINDOW / 60;
    let mut counts = vec![0_u64; minutes as usize + 2];
    for one in &log.sightings {
        counts[((one.at_micros - START) as u64 / (60 * SECOND)) as usize] += 1;
    }
    let file = |name: &str, counts: &[u64], shared: u64, gsu: u64| {
        let point = |at: usize, value: u64| {
            let moment = |at: usize| moment_text(START + at as i64 * 60_000_000);
            json!({"interval": {"startTime": moment(at), "endTime": moment(at + 1)},
                   "value": {"int64Value": value.to_string()}})
        };
        let series = |metric: &str, kind: &str, points: Vec<Value>| {
            let name = format!("aiplatform.googleapis.com/publisher/online_serving/{metric}");
            json!({"metric": {"type": name, "labels": {"request_type": kind}},
                   "resource": {"type": "x", "labels": {"model_user_id": "gemini-3-pro-image", "location": "global"}},
                   "metricKind": "DELTA", "points": points})
        };
        let of = |metric: &str, kind: &str, each: &dyn Fn(usize) -> u64| {
            series(metric, kind, (0..counts.len()).map(|at| point(at, each(at))).collect())
        };
        let text = json!({"timeSeries": [
            of("consumed_token_throughput", "dedicated", &|_| 600),
            of("consumed_token_throughput", "spillover", &|_| 60),
            of("model_invocation_count", "dedicated", &|at| counts[at]),
            of("model_invocation_count", "shared", &|_| shared),
            of("dedicated_gsu_limit", "dedicated", &|_| gsu),
        ]});
        let path = folder.path().join(name);
        std::fs::write(&path, text.to_string()).unwrap();
        path.display().to_string()
    };
    let rate = (world.quota() / WINDOW).to_string();
    let base = ["replay", &path, "--learn-rule", "--model=nano-banana-pro", "--window=30", "--json"];
    let weights = ["--burn-input=1", "--burn-output=1", "--burn-per-second-per-gsu", &rate, "--pt-metrics"];
    let run = |file: &str, more: &[&str]| burndown(&[&base[..], &weights, &[file], more].concat());
    let good = run(&file("good.json", &counts, 0, 1), &[]);
    assert_eq!(good.code, 0, "{}", good.stderr);
    let found: Value = serde_json::from_str(&good.stdout).unwrap();
    assert_eq!(found["gsu"], 1);
    assert!(found["invocations"].as_u64().unwrap().abs_diff(n as u64) <= n as u64 / 200, "{found}");
    assert_eq!(found["learned"]["possible"][0]["rule"]["clock"], "fixed");
    let refused = |file: &str, more: &[&str], why: &str| {
        let run = run(file, more);
        assert!(run.code == 2 && run.stderr.contains(why), "{why}: {}", run.stderr);
    };
    let twice: Vec<u64> = counts.iter().map(|count| 2 * count).collect();
    refused(&file("twice.json", &twice, 0, 1), &[], "50.0 % are missing");
    refused(&file("shared.json", &counts, 10, 1), &[], "asked for shared traffic");
    refused(&file("other.json", &counts, 0, 2), &["--gsu=1"], "dedicated_gsu_limit measured 2");
    refused(
        &file("short.json", &counts[..20], 0, 1),
        &[],
        "no model_invocation_count for the time of the log",
    );
}
