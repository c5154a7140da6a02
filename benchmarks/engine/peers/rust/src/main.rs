//! Peer of the engine's benchmark: what a core written in Rust on sonic-rs reaches.
//!
//! Usage: peer FOLDER MODE SECONDS ROWS. Events are parsed into borrowed structs of the fields that rules read, projected
//! parts stay raw; rules are indexed by (event, app). It knows the fields of the plain and the regex cases
//! only: an upper bound, not a rule engine. Prints one JSON object.

use serde::Deserialize;
use sonic_rs::LazyValue;
use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Write;
use std::time::Instant;

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    id: LazyValue<'a>,
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(borrow)]
    who: Who<'a>,
    #[serde(borrow, rename = "where")]
    place: Place<'a>,
    #[serde(borrow)]
    how: How<'a>,
    #[serde(borrow)]
    what: What<'a>,
}

#[derive(Deserialize)]
struct Who<'a> {
    #[serde(borrow)]
    user_id: LazyValue<'a>,
}

#[derive(Deserialize)]
struct Place<'a> {
    #[serde(borrow)]
    page: Cow<'a, str>,
    #[serde(borrow)]
    country: Cow<'a, str>,
}

#[derive(Deserialize)]
struct How<'a> {
    #[serde(borrow)]
    app: Cow<'a, str>,
    #[serde(borrow)]
    platform: Cow<'a, str>,
    #[serde(borrow)]
    app_version: Cow<'a, str>,
    seq: i64,
}

#[derive(Deserialize)]
struct What<'a> {
    #[serde(borrow)]
    total: Total<'a>,
    #[serde(borrow)]
    items: LazyValue<'a>,
}

#[derive(Deserialize)]
struct Total<'a> {
    #[serde(borrow)]
    value: LazyValue<'a>,
}

#[derive(Deserialize)]
struct RuleText {
    event: String,
    app: String,
    conditions: Vec<ConditionText>,
}

#[derive(Deserialize)]
struct ConditionText {
    path: String,
    op: String,
    value: serde_json::Value,
}

enum Condition {
    ValueAbove(f64),
    ValueBetween(f64, f64),
    SeqBetween(i64, i64),
    Platform(String),
    Country(Vec<String>),
    VersionPrefix(String),
    Page(regex::Regex),
}

fn condition(text: &ConditionText) -> Condition {
    let string = || text.value.as_str().unwrap().to_string();
    match (text.path.as_str(), text.op.as_str()) {
        ("what.total.value", "gt") => Condition::ValueAbove(text.value.as_f64().unwrap()),
        ("what.total.value", "between") => {
            Condition::ValueBetween(text.value[0].as_f64().unwrap(), text.value[1].as_f64().unwrap())
        }
        ("how.seq", "between") => {
            Condition::SeqBetween(text.value[0].as_i64().unwrap(), text.value[1].as_i64().unwrap())
        }
        ("how.platform", "eq") => Condition::Platform(string()),
        ("where.country", "in") => Condition::Country(serde_json::from_value(text.value.clone()).unwrap()),
        ("how.app_version", "prefix") => Condition::VersionPrefix(string()),
        ("where.page", "matches") => Condition::Page(regex::Regex::new(&string()).unwrap()),
        other => panic!("this peer does not know {other:?}"),
    }
}

impl Condition {
    fn holds(&self, event: &Event, value: f64) -> bool {
        match self {
            Condition::ValueAbove(least) => value > *least,
            Condition::ValueBetween(low, high) => value >= *low && value <= *high,
            Condition::SeqBetween(low, high) => event.how.seq >= *low && event.how.seq <= *high,
            Condition::Platform(text) => event.how.platform == text.as_str(),
            Condition::Country(some) => some.iter().any(|one| event.place.country == one.as_str()),
            Condition::VersionPrefix(text) => event.how.app_version.starts_with(text.as_str()),
            Condition::Page(pattern) => pattern.is_match(&event.place.page),
        }
    }
}

type Index = HashMap<String, HashMap<String, Vec<Vec<Condition>>>>;

fn run(events: &[&[u8]], index: &Index, mut out: Option<&mut Vec<u8>>) -> u64 {
    let mut matches = 0;
    for data in events {
        let event: Event = sonic_rs::from_slice(data).unwrap();
        let Some(rules) = index.get(event.event.as_ref()).and_then(|apps| apps.get(event.how.app.as_ref())) else {
            continue;
        };
        let value: f64 = event.what.total.value.as_raw_str().parse().unwrap();
        for rule in rules {
            if rule.iter().all(|one| one.holds(&event, value)) {
                matches += 1;
                if let Some(out) = out.as_deref_mut() {
                    out.extend_from_slice(b"{\"id\":");
                    out.extend_from_slice(event.id.as_raw_str().as_bytes());
                    out.extend_from_slice(b",\"user\":");
                    out.extend_from_slice(event.who.user_id.as_raw_str().as_bytes());
                    out.extend_from_slice(b",\"value\":");
                    out.extend_from_slice(event.what.total.value.as_raw_str().as_bytes());
                    out.extend_from_slice(b",\"page\":");
                    serde_json::to_writer(&mut *out, event.place.page.as_ref()).unwrap();
                    out.extend_from_slice(b",\"items\":");
                    out.extend_from_slice(event.what.items.as_raw_str().as_bytes());
                    out.extend_from_slice(b"}\n");
                }
            }
        }
    }
    matches
}

/// User and system time of this process, in seconds (fields 14 and 15 of stat, at 100 Hz).
fn cpu() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = text[text.rfind(')').unwrap() + 2..].split(' ').collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

fn memory_mb() -> f64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<f64>().unwrap() * 4096.0 / 1e6
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let (folder, mode, rows) = (&arguments[1], &arguments[2], &arguments[4]);
    let seconds: f64 = arguments[3].parse().unwrap();
    let text = std::fs::read(format!("{folder}/events.ndjson")).unwrap();
    let events: Vec<&[u8]> = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
    let rules: Vec<RuleText> =
        serde_json::from_slice(&std::fs::read(format!("{folder}/rules.json")).unwrap()).unwrap();
    let mut index: Index = HashMap::new();
    for rule in &rules {
        let apps = index.entry(rule.event.clone()).or_default();
        apps.entry(rule.app.clone()).or_default().push(rule.conditions.iter().map(condition).collect());
    }
    drop(rules);
    let mut out = Vec::new();
    let bytes = mode == "bytes";
    let matches = run(&events, &index, bytes.then_some(&mut out));
    std::fs::File::create(rows).unwrap().write_all(&out).unwrap();
    let (started, before, mut count) = (Instant::now(), cpu(), 0);
    while cpu() - before < seconds {
        out.clear();
        run(&events, &index, bytes.then_some(&mut out));
        count += events.len();
    }
    println!(
        "{{\"events\": {count}, \"cpu_s\": {:.3}, \"wall_s\": {:.3}, \"memory_mb\": {:.1}, \"matches\": {matches}}}",
        cpu() - before,
        started.elapsed().as_secs_f64(),
        memory_mb()
    );
}
