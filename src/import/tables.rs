//! Rows of CSV and Parquet files, as the JSON that the same row would be.

use std::io::Read;

use parquet::{
    file::reader::{ChunkReader, FileReader, SerializedFileReader},
    record::Field,
};
use serde_json::{Map, Number, Value};

use super::{
    Reject,
    collect::{Collector, Part, Place, Stop},
    pipeline::Settings,
    strip::strip,
    value::Unambiguous,
};
use crate::diagnostics::csv_problem;

/// Rows that are read before they are counted.
const AT_ONCE: usize = 1_000;

/// Longest cell that is read, bytes.
const CELL_MAX: usize = 256 * 1024 * 1024;

/// A cell's text: JSON where it looks like an object or a list, its pictures left away.
pub(super) fn cell(text: &[u8]) -> Value {
    let trimmed = text.trim_ascii();
    if trimmed.is_empty() {
        return Value::Null;
    }
    if matches!(trimmed[0], b'{' | b'[') && trimmed.len() <= CELL_MAX {
        let mut out = Vec::new();
        if strip(trimmed, &mut out).is_ok()
            && let Ok(Unambiguous(value)) = serde_json::from_slice(&out)
        {
            return value;
        }
    }
    Value::String(String::from_utf8_lossy(text).chars().take(1_000).collect())
}

/// Reads a CSV whose header names the columns.
pub(super) fn read_csv(
    input: impl Read,
    name: &str,
    settings: &Settings,
    into: &mut Collector,
    part: &mut Part,
) -> Result<(), Stop> {
    let mut reader = csv::ReaderBuilder::new().flexible(false).from_reader(input);
    let header: Vec<String> = match reader.byte_headers() {
        Ok(header) => header.iter().map(|name| String::from_utf8_lossy(name).trim().to_string()).collect(),
        Err(error) => return part.reject(settings, Place::row(name, 1), &Reject::Broken(error.to_string())),
    };
    let mut record = csv::ByteRecord::new();
    let mut at = 1;
    loop {
        at += 1;
        let place = Place::row(name, at);
        match reader.read_byte_record(&mut record) {
            Ok(false) => return Ok(()),
            Ok(true) => {
                let cells = header.iter().zip(record.iter()).map(|(name, text)| (name.clone(), cell(text)));
                part.value(settings, &place, Value::Object(nested(cells)))?;
                if part.waiting() >= AT_ONCE {
                    into.count(settings, part)?;
                }
            }
            Err(error) => {
                part.reject(
                    settings,
                    place,
                    &Reject::Broken(csv_problem(&error, &csv::StringRecord::new(), None)),
                )?;
                // A reader that cannot go on says the same for ever.
                if matches!(error.kind(), csv::ErrorKind::Io(_)) {
                    return Ok(());
                }
            }
        }
    }
}

/// Columns as an object; `metadata.request_latency` is a field of `metadata`.
fn nested(cells: impl Iterator<Item = (String, Value)>) -> Map<String, Value> {
    let mut map = Map::new();
    for (name, value) in cells.filter(|(_, value)| !value.is_null()) {
        match name.split_once('.') {
            Some((outer, inner)) => {
                let below = map.entry(outer).or_insert_with(|| Value::Object(Map::new()));
                if let Some(below) = below.as_object_mut() {
                    below.insert(inner.to_string(), value);
                }
            }
            None => {
                map.insert(name, value);
            }
        }
    }
    map
}

/// Reads a Parquet file, row by row.
///
/// # Errors
///
/// [`Stop`] when the settings do not tolerate a broken row, or too many different cells came together.
pub fn read_parquet<R: ChunkReader + 'static>(
    input: R,
    name: &str,
    settings: &Settings,
    into: &mut Collector,
) -> Result<(), Stop> {
    let broken = |error: &dyn std::fmt::Display| Reject::Broken(format!("Parquet: {error}"));
    let mut part = Part::new(&name.into(), into.is_keeping(settings));
    let reader = match SerializedFileReader::new(input) {
        Ok(reader) => reader,
        Err(error) => {
            part.reject(settings, Place::row(name, 0), &broken(&error))?;
            return into.add(settings, part);
        }
    };
    let rows = match reader.get_row_iter(None) {
        Ok(rows) => rows,
        Err(error) => {
            part.reject(settings, Place::row(name, 0), &broken(&error))?;
            return into.add(settings, part);
        }
    };
    for (at, row) in rows.enumerate() {
        let place = Place::row(name, at as u64 + 1);
        match row {
            Ok(row) => {
                let cells = row.get_column_iter().map(|(name, field)| (name.clone(), of_field(field)));
                part.value(settings, &place, Value::Object(nested(cells)))?;
                if part.waiting() >= AT_ONCE {
                    into.count(settings, &mut part)?;
                }
            }
            Err(error) => {
                part.reject(settings, place, &broken(&error))?;
                break;
            }
        }
    }
    into.add(settings, part)
}

fn of_field(field: &Field) -> Value {
    match field {
        Field::Null => Value::Null,
        Field::Bool(flag) => (*flag).into(),
        Field::Byte(number) => (*number).into(),
        Field::Short(number) => (*number).into(),
        Field::Int(number) => (*number).into(),
        Field::Long(number) => (*number).into(),
        Field::UByte(number) => (*number).into(),
        Field::UShort(number) => (*number).into(),
        Field::UInt(number) => (*number).into(),
        Field::ULong(number) => (*number).into(),
        Field::Float(number) => Number::from_f64(f64::from(*number)).map_or(Value::Null, Value::Number),
        Field::Double(number) => Number::from_f64(*number).map_or(Value::Null, Value::Number),
        Field::Str(text) => cell(text.as_bytes()),
        Field::Bytes(bytes) => cell(bytes.data()),
        Field::TimestampMillis(number) => number.saturating_mul(1_000).into(),
        Field::TimestampMicros(number) => (*number).into(),
        Field::Group(row) => {
            Value::Object(nested(row.get_column_iter().map(|(name, field)| (name.clone(), of_field(field)))))
        }
        Field::ListInternal(list) => Value::Array(list.elements().iter().map(of_field).collect()),
        // Decimals, days and times of the day print as they are written; maps are no column of a known log.
        other => Value::String(other.to_string().trim_matches('"').to_string()),
    }
}
