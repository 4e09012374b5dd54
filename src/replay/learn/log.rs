//! Observations as a log of admissions: when each request came, what it burnt, whether a GSU served it.

use std::collections::BTreeMap;

use super::super::burn::BurnRates;
use crate::{
    calendar::epoch_micros,
    model::{Backend, ByClass, ImageSize},
    usage::{Observation, RecordKind},
};

/// One request of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// Arrival, microseconds since 1970.
    pub at_micros: i64,
    /// Time to the complete answer, microseconds.
    pub latency_micros: u64,
    /// Burn of its input, units.
    pub input_units: u64,
    /// Burn of all of it, units.
    pub units: u64,
    /// Which requests share a mean and a largest output: those of one requested size.
    pub kind: u16,
    /// Whether a GSU served it.
    pub served: bool,
}

/// Which moment the times of a log are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoggedTime {
    /// The complete answer, as observations tell it: requests arrived their latency earlier.
    Answer,
    /// The request.
    Arrival,
}

/// What was seen while a log was put together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LogNotes {
    /// Attempts at the model on Vertex AI, whatever became of them: what a control total counts.
    pub attempts: u64,
    /// Of other models, or of the Developer API, which has no GSUs.
    pub others: u64,
    /// Attempts that failed and took nothing from a quota: status 429.
    pub refused: u64,
    /// Attempts that failed otherwise; a GSU may have held their estimate for a while.
    pub failed: u64,
    /// Answers that do not tell who served them, by the word they say instead.
    pub untold: BTreeMap<String, u64>,
    /// Answers without a time of day, or with tokens beyond reason.
    pub unusable: u64,
    /// Answers without a latency; taken as complete at once.
    pub without_latency: u64,
    /// Requests from the emulator.
    pub rehearsed: u64,
    /// Tokens that no rate burns.
    pub without_rate: ByClass<u64>,
}

/// A log in order of arrival.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AdmissionLog {
    /// Requests, earliest first.
    pub sightings: Vec<Sighting>,
    /// What else was seen.
    pub notes: LogNotes,
}

impl AdmissionLog {
    /// Takes the requests of a model from observations; `wanted` tells whether a model's name is the one.
    pub fn of<'a>(
        observations: impl IntoIterator<Item = &'a Observation>,
        rates: &BurnRates,
        times: LoggedTime,
        wanted: impl Fn(&str) -> bool,
    ) -> AdmissionLog {
        let mut log = AdmissionLog::default();
        let mut kinds: BTreeMap<Option<ImageSize>, u16> = BTreeMap::new();
        for observation in observations {
            let developer = observation.backend == Some(Backend::Developer);
            if developer || !observation.model.is_empty() && !wanted(&observation.model) {
                log.notes.others += 1;
                continue;
            }
            log.notes.attempts += 1;
            let next = kinds.len() as u16;
            let kind = *kinds.entry(observation.shape.output_size).or_insert(next);
            if let Some(sighting) = log.notes.sighting(observation, rates, times, kind) {
                log.sightings.push(sighting);
            }
        }
        log.sightings.sort_by_key(|sighting| sighting.at_micros);
        log
    }

    /// Requests that no GSU served.
    pub fn spilled(&self) -> u64 {
        self.sightings.iter().filter(|sighting| !sighting.served).count() as u64
    }
}

impl LogNotes {
    fn sighting(
        &mut self,
        observation: &Observation,
        rates: &BurnRates,
        times: LoggedTime,
        kind: u16,
    ) -> Option<Sighting> {
        if observation.usage.is_none() {
            match observation.status {
                Some(429) => self.refused += 1,
                _ => self.failed += 1,
            }
            return None;
        }
        let traffic = observation.traffic().unwrap_or_default();
        let Some(served) = is_served(&traffic) else {
            *self.untold.entry(traffic).or_default() += 1;
            return None;
        };
        let logged = observation.at.as_deref().and_then(epoch_micros);
        let (tokens, _) = observation.classes();
        let burn = rates.burn(&tokens, &mut self.without_rate);
        let (Some(logged), Some(burn)) = (logged, burn) else {
            self.unusable += 1;
            return None;
        };
        let seconds = observation.latency_seconds.filter(|seconds| (0.0..=86_400.0).contains(seconds));
        self.without_latency += u64::from(seconds.is_none());
        self.rehearsed += u64::from(observation.kind == RecordKind::Rehearsed);
        let latency_micros = (seconds.unwrap_or(0.0) * 1e6).round() as u64;
        let before = match times {
            LoggedTime::Answer => latency_micros as i64,
            LoggedTime::Arrival => 0,
        };
        Some(Sighting {
            at_micros: logged - before,
            latency_micros,
            input_units: burn.input,
            units: burn.total,
            kind,
            served,
        })
    }
}

/// Whether a traffic type says that a GSU served the request; `None` when it says neither.
///
/// Batch has no published traffic type and takes no provisioned throughput.
fn is_served(traffic: &str) -> Option<bool> {
    match traffic {
        "PROVISIONED_THROUGHPUT" => Some(true),
        "ON_DEMAND" | "ON_DEMAND_FLEX" | "ON_DEMAND_PRIORITY" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::{NOT_TOLD, OBSERVATION_SCHEMA};

    fn observation(traffic: &str, seconds: Option<f64>) -> Observation {
        let usage = serde_json::json!({"promptTokenCount": 10, "candidatesTokenCount": 20, "totalTokenCount": 30, "trafficType": traffic});
        Observation {
            schema: OBSERVATION_SCHEMA.into(),
            at: Some("2026-11-03T00:00:30Z".into()),
            backend: Some(Backend::Vertex),
            model: "m".into(),
            status: Some(200),
            usage: usage.as_object().cloned(),
            latency_seconds: seconds,
            ..NOT_TOLD
        }
    }

    fn log(observations: &[Observation], times: LoggedTime) -> AdmissionLog {
        let rates = BurnRates::of_weights(1.into(), 9.into()).unwrap();
        AdmissionLog::of(observations, &rates, times, |name| name == "m")
    }

    #[test]
    fn a_request_arrives_its_latency_before_its_answer() {
        let rows = [observation("PROVISIONED_THROUGHPUT", Some(12.5)), observation("ON_DEMAND", Some(30.0))];
        let log = log(&rows, LoggedTime::Answer);
        let times: Vec<i64> = log.sightings.iter().map(|one| one.at_micros.rem_euclid(60_000_000)).collect();
        assert_eq!(times, [0, 17_500_000]);
        let served: Vec<bool> = log.sightings.iter().map(|one| one.served).collect();
        assert_eq!(served, [false, true]);
        assert_eq!((log.sightings[0].input_units, log.sightings[0].units), (10, 190));
        assert_eq!(log.spilled(), 1);
    }

    #[test]
    fn what_tells_nothing_is_counted_and_left_out() {
        let failed = |status| Observation { usage: None, status, ..observation("ON_DEMAND", None) };
        let rows = [
            failed(Some(429)),
            failed(Some(500)),
            observation("TRAFFIC_TYPE_UNSPECIFIED", None),
            Observation { model: "n".into(), ..observation("ON_DEMAND", None) },
            Observation { backend: Some(Backend::Developer), ..observation("ON_DEMAND", None) },
            Observation { at: Some("2026-11-03".into()), ..observation("ON_DEMAND", None) },
            observation("ON_DEMAND_PRIORITY", None),
        ];
        let LogNotes { attempts, others, refused, failed, untold, unusable, without_latency, .. } =
            log(&rows, LoggedTime::Arrival).notes;
        assert_eq!((attempts, others, refused, failed, unusable, without_latency), (5, 2, 1, 1, 1, 1));
        assert_eq!(untold.into_iter().collect::<Vec<_>>(), [("TRAFFIC_TYPE_UNSPECIFIED".to_string(), 1)]);
    }
}
