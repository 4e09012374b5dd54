//! Traces in every format that is read, good and bad.

use std::io::Write;

use burndown::{
    capacity::CapacityBook,
    model::{ByClass, ModelId, TokenClass},
    replay::{BATCH, BurnError, BurnRates, Micros, Request, TraceFormat, TraceNotes, TraceReader},
};

use crate::cli::{Run, burndown, burndown_with};

fn read(text: &[u8], asked: Option<TraceFormat>) -> Result<(TraceFormat, Vec<Request>, TraceNotes), String> {
    let rates = BurnRates::of_weights(1.into(), 9.into()).unwrap();
    let mut reader = TraceReader::open("t", text, asked, &rates, |model| model == "mine")
        .map_err(|error| error.to_string())?;
    let (mut all, mut batch) = (Vec::new(), Vec::new());
    while reader.next_batch(&mut batch).map_err(|error| error.to_string())? {
        all.extend_from_slice(&batch);
    }
    Ok((reader.format(), all, reader.notes().clone()))
}

fn request(at_micros: i64, input: u64, output: u64, latency_micros: Option<u64>) -> Request {
    Request {
        at_micros,
        input_units: input,
        units: input + 9 * output,
        latency: latency_micros.map(Micros::new),
    }
}

const AZURE: &str = "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.6805900,374,44\n2023-11-16 18:15:50.9951690,396,109\n";
const NOON: i64 = 1_700_158_546_680_590;

#[test]
fn every_format_is_known_by_its_first_line() {
    let azure = vec![request(NOON, 374, 44, None), request(NOON + 4_314_579, 396, 109, None)];
    let relative = vec![request(0, 374, 44, None), request(4_314_579, 396, 109, None)];
    let with = |latency: u64| {
        relative.iter().map(|one| Request { latency: Some(Micros::new(latency)), ..*one }).collect()
    };
    let cases: [(TraceFormat, &str, Vec<Request>); 7] = [
        (TraceFormat::Azure, AZURE, azure.clone()),
        (
            TraceFormat::Azure,
            "\u{feff}TIMESTAMP,ContextTokens,GeneratedTokens\r\n2023-11-16 18:15:46.680590+00:00,374,44\r\n2023-11-16 19:15:50.995169+01:00,396,109\r\n\r\n",
            azure.clone(),
        ),
        (
            TraceFormat::BurstGpt,
            "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type\n0.0,a,2.5,GPT-4,374,44,418,Conversation log\n2,b,1,GPT-4,9,0,9,API log\n4.314579,a,2.5,ChatGPT,396,109,505,API log\n",
            with(2_500_000),
        ),
        (
            TraceFormat::Vidur,
            "arrived_at,num_prefill_tokens,num_decode_tokens\n0.0,374,44\n4.314579,396.0,109\n",
            relative.clone(),
        ),
        (
            TraceFormat::Mooncake,
            "{\"timestamp\": 0, \"input_length\": 374, \"output_length\": 44, \"hash_ids\": [0, 1]}\n{\"timestamp\": 4314.579, \"input_length\": 396, \"output_length\": 109}\n",
            relative.clone(),
        ),
        (
            TraceFormat::Aiperf,
            "{\"metadata\": {\"session_num\": 0, \"request_start_ns\": 1700158546680590999, \"request_end_ns\": 1700158547680590999, \"benchmark_phase\": \"profiling\"}, \"metrics\": {\"input_sequence_length\": {\"value\": 374, \"unit\": \"tokens\"}, \"output_sequence_length\": {\"value\": 44, \"unit\": \"tokens\"}}, \"error\": null}\n{\"metadata\": {\"request_start_ns\": 1700158546680590999, \"request_end_ns\": 1700158547680590999}, \"metrics\": {\"error_isl\": {\"value\": 550, \"unit\": \"tokens\"}}, \"error\": {\"code\": 499}}\n",
            vec![request(NOON, 374, 44, Some(1_000_000))],
        ),
        (
            TraceFormat::Observations,
            "{\"schema\":\"burndown.observation/1\",\"at\":\"2023-11-16T18:15:48.680590Z\",\"model\":\"mine\",\"status\":200,\"usage\":{\"promptTokenCount\":374,\"candidatesTokenCount\":40,\"thoughtsTokenCount\":4,\"totalTokenCount\":418},\"latency_seconds\":2,\"kind\":\"measured\"}\n{\"schema\":\"burndown.observation/1\",\"at\":\"2023-11-16T18:15:48Z\",\"model\":\"other\",\"kind\":\"measured\"}\n{\"schema\":\"burndown.observation/1\",\"at\":\"2023-11-16T18:15:49Z\",\"model\":\"mine\",\"status\":429,\"kind\":\"measured\"}\n",
            vec![request(NOON, 374, 44, Some(2_000_000))],
        ),
    ];
    for (format, text, expected) in cases {
        let (found, requests, notes) =
            read(text.as_bytes(), None).unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert_eq!((found, &requests), (format, &expected), "{text}");
        assert_eq!(notes.unreadable, 0, "{text}");
        let left_out = notes.rows - notes.requests;
        assert_eq!(notes.failed + notes.other_models, left_out, "{text}");
        // Named, and zipped, it is the same.
        let mut zip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        zip.write_all(text.as_bytes()).unwrap();
        assert_eq!(read(&zip.finish().unwrap(), Some(format)).unwrap().1, expected);
    }
}

/// Each message names the file and, where there is one, the line.
#[test]
fn a_trace_that_cannot_be_replayed_says_where_and_why() {
    let of = |text: &str| read(text.as_bytes(), None).unwrap_err();
    assert_eq!(of(""), "t is empty: a trace has a header or a first request");
    assert_eq!(of("\n \n"), "t is empty: a trace has a header or a first request");
    let known =
        "\n\nhint: read are azure, burstgpt, vidur, mooncake, aiperf, observations; --format names one";
    assert_eq!(of("a,b\n1,2\n"), format!("t: unknown kind of trace: it begins `a,b`{known}"));
    assert_eq!(of("{\"a\": 1}\n"), format!("t: unknown kind of trace: it begins `{{\"a\": 1}}`{known}"));
    let vidur = "arrived_at,num_prefill_tokens,num_decode_tokens\n";
    assert_eq!(
        read(b"time,num_prefill_tokens\n", Some(TraceFormat::Vidur)).unwrap_err(),
        format!(
            "t: no column `arrived_at`, which vidur traces have; found `time` or `num_prefill_tokens`{known}"
        )
    );
    assert_eq!(of(vidur), "t holds no request to replay: 0 rows, 0 of them failed, 0 of other models");
    for (row, problem) in [
        ("NaN,1,1", "expected a time from 0 to 1e10 seconds, found NaN"),
        ("-1,1,1", "expected a time from 0 to 1e10 seconds, found -1"),
        ("inf,1,1", "expected a time from 0 to 1e10 seconds, found inf"),
        ("soon,1,1", "expected a number, found `soon`"),
        ("1,-5,1", "expected a whole number of tokens from 0 to 1e12, found -5"),
        ("1,NaN,1", "expected a whole number of tokens from 0 to 1e12, found NaN"),
        ("1,1.5,1", "expected a whole number of tokens from 0 to 1e12, found 1.5"),
        ("1,1,1e13", "expected a whole number of tokens from 0 to 1e12, found 10000000000000"),
        ("1,2", "it has no column 3"),
        ("1,,2", "it has no column 2"),
    ] {
        let expected = format!("t:2: {problem}; 1 of 1 rows so far cannot be read");
        let text = format!("{vidur}{row}\n");
        assert_eq!(of(&text), expected);
    }
    let time = "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16,1,1\n";
    assert_eq!(
        of(time),
        "t:2: expected a time such as `2023-11-16 18:15:46.68`, found `2023-11-16`; 1 of 1 rows so far cannot be read"
    );
    let turn = "{\"timestamp\": 0, \"input_length\": 1, \"output_length\": 1}\n{\"delay\": 5, \"input_length\": 1, \"output_length\": 1}\n{\"delay\": 5, \"input_length\": 1, \"output_length\": 1}\n";
    assert_eq!(
        of(turn),
        "t:2: it has no `timestamp`: a turn that follows another has no time of its own; 2 of 3 rows so far cannot be read"
    );
    let long = format!("{vidur}{}\n", "1".repeat(5 * 1024 * 1024));
    assert_eq!(of(&long), "t:2: longer than 4 MB, which no row is");
}

#[test]
fn one_torn_line_is_counted_and_many_are_too_many() {
    let rows: String = (0..300).map(|second| format!("{second},10,10\n")).collect();
    let header = "arrived_at,num_prefill_tokens,num_decode_tokens\n";
    let torn = format!("{header}{rows}300,1");
    let (_, requests, notes) = read(torn.as_bytes(), None).unwrap();
    assert_eq!((requests.len(), notes.unreadable), (300, 1));
    assert_eq!(notes.first_unreadable, Some((302, "it has no column 2".replace('2', "3"))));
    let holes = format!("{header}{rows}{}", "x,1,1\n".repeat(4));
    let error = read(holes.as_bytes(), None).unwrap_err();
    assert_eq!(error, "t:302: expected a number, found `x`; 4 of 304 rows so far cannot be read");
}

#[test]
fn rows_a_little_late_are_put_in_order_and_those_far_behind_refused() {
    let header = "arrived_at,num_prefill_tokens,num_decode_tokens\n";
    let (_, requests, notes) =
        read(format!("{header}5,1,1\n3,2,2\n4,3,3\n6,4,4\n").as_bytes(), None).unwrap();
    let times: Vec<i64> = requests.iter().map(|request| request.at_micros / 1_000_000).collect();
    assert_eq!((times, notes.out_of_order), (vec![3, 4, 5, 6], 2));
    let mut far = String::from(header);
    for second in 1..=3 * BATCH {
        far += &format!("{second},1,1\n");
    }
    far += "0.5,1,1\n";
    let error = read(far.as_bytes(), None).unwrap_err();
    assert!(error.starts_with("t:196610: this request is "), "{error}");
    assert!(error.ends_with("; sort the trace by time"), "{error}");
}

fn book() -> CapacityBook {
    crate::shipped().capacity
}

/// 1,120 image tokens burn 60 each, thinking and text 6, input 1; a model's cached tokens burn a tenth.
#[test]
fn observations_burn_by_class_and_long_prompts_by_their_own_rates() {
    let day = "2026-11-21".parse().unwrap();
    let burn = |model: &str, given: &[(TokenClass, u64)]| {
        let rates = BurnRates::of_model(&book(), &ModelId(model.into()), day).unwrap();
        let mut tokens = ByClass::default();
        given.iter().for_each(|(class, count)| tokens[*class] = *count);
        let burn = rates.burn(&tokens, &mut ByClass::default()).unwrap();
        (rates.burn_tokens(burn.input.into()), rates.burn_tokens(burn.total.into()))
    };
    use TokenClass::{CachedInputText, InputImage, InputText, OutputImage, OutputText, OutputThinking};
    let image = [(InputText, 300), (InputImage, 560), (OutputThinking, 100), (OutputImage, 1_120)];
    assert_eq!(burn("gemini-3-pro-image", &image), (860.into(), 68_660.into()));
    let cached = [(InputText, 3), (CachedInputText, 25), (OutputText, 1)];
    assert_eq!(burn("gemini-3.5-flash", &cached), ("5.5".parse().unwrap(), "11.5".parse().unwrap()));
    let pro = |prompt| burn("gemini-3.1-pro-preview", &[(InputText, prompt), (OutputText, 10)]).1;
    assert_eq!(pro(200_000), 200_060.into());
    assert_eq!(pro(200_001), (400_002 + 90).into());
}

#[test]
fn a_model_without_provisioned_throughput_is_no_model_to_replay() {
    let day = "2026-11-21".parse().unwrap();
    let error = BurnRates::of_model(&book(), &ModelId("gemini-4-argon".into()), day).unwrap_err();
    assert!(matches!(error, BurnError::NoThroughput { .. }));
    let run = replay(&["--model", "gemini-4-argon"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("no provisioned throughput for gemini-4-argon"), "{}", run.stderr);
}

const FILE: &str = "tests/data/traces/azure2023_conv.csv.gz";
const BY_HAND: [&str; 7] = [
    "--burn-input=1",
    "--burn-output=9",
    "--burn-per-second-per-gsu=2690",
    "--window=30",
    "--gsu=4,8,9,12",
    "--json",
    "--on=2026-11-21",
];

fn replay(args: &[&str]) -> Run {
    let all: Vec<&str> = ["replay", FILE].iter().chain(args).copied().collect();
    burndown(&all)
}

#[test]
fn the_command_counts_the_azure_trace_to_the_last_request() {
    let run = replay(&BY_HAND);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let answer: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(answer["schema"], "burndown.replay/1");
    assert_eq!(
        (&answer["demand"]["requests"], &answer["demand"]["burn"]),
        (&19_366.into(), &59_159_855.into())
    );
    let rows: Vec<[u64; 4]> = answer["purchases"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            ["gsu", "quota_per_window", "left_requests", "left_burn"].map(|key| row[key].as_u64().unwrap())
        })
        .collect();
    let expected = [
        [4, 322_800, 7_023, 21_841_838],
        [8, 645_600, 75, 214_005],
        [9, 726_300, 3, 14_475],
        [12, 968_400, 0, 0],
    ];
    assert_eq!(rows, expected);
    let text = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/traces/azure2023_conv.csv.gz"))
        .unwrap();
    let piped: Vec<&str> = ["replay", "-"].into_iter().chain(BY_HAND).collect();
    let piped = burndown_with(&piped, &text, env!("CARGO_MANIFEST_DIR"));
    assert_eq!(piped.stdout.replace("standard input", "azure2023_conv.csv.gz"), run.stdout);
}

#[test]
fn estimates_with_latency_leave_more_and_the_table_stays_narrow() {
    let run = replay(&[
        "--model=gemini-2.5-flash",
        "--gsu=6..8",
        "--estimate=maximum",
        "--latency=10",
        "--on=2026-06-01",
        "--phases=2",
    ]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stdout.lines().all(|line| line.chars().count() <= 80), "{}", run.stdout);
    assert!(run.stdout.contains("estimate = input + 9,000"), "{}", run.stdout);
    let share = |estimate: &str| {
        let run = replay(&[
            "--model=gemini-2.5-flash",
            "--gsu=7",
            estimate,
            "--latency=10",
            "--json",
            "--on=2026-06-01",
        ]);
        let answer: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
        answer["purchases"][0]["share_of_burn"].as_f64().unwrap()
    };
    assert!(share("--estimate=maximum") > share("--estimate=actual"));
    assert!(share("--estimate=2.0") > share("--estimate=mean"));
    assert!(share("--estimate=burn:9000") == share("--estimate=maximum"));
    assert!(share("--estimate=input") < share("--estimate=mean"));
}

#[test]
fn flags_that_make_no_sense_are_refused_with_what_would() {
    for (args, expected) in [
        (&["--gsu=4"][..], "what a token burns is not known"),
        (&["--burn-input=1", "--burn-output=9"], "what one GSU carries is not known"),
        (
            &["--burn-input=1", "--burn-output=9", "--burn-per-second-per-gsu=5"],
            "no enforcement window is known at 1 GSU",
        ),
        (&["--burn-input=1"], "--burn-output"),
        (&["--burn-input=-1", "--burn-output=9"], "found -1"),
        (&["--model=nano-banana-pro", "--burn-per-second-per-gsu=0"], "above 0 and at most"),
        (&["--model=nano-banana-pro", "--burn-per-second-per-gsu=-5"], "above 0 and at most"),
        (&["--model=nano-banana-pro", "--window=0"], "a window is 1 to 86400 seconds long, found 0"),
        (&["--model=nano-banana-pro", "--gsu=0"], "expected counts such as `1..40`"),
        (&["--model=nano-banana-pro", "--gsu=9..4"], "expected counts such as `1..40`"),
        (&["--model=nano-banana-pro", "--gsu=1..99999999"], "expected counts such as `1..40`"),
        (&["--model=nano-banana-pro", "--estimate=nan"], "a factor from 0 to 1000"),
        (&["--model=nano-banana-pro", "--latency=-1"], "expected seconds from 0 to 86400, or trace"),
        (&["--model=nano-banana-pro", "--clock=sliding", "--phases=2"], "--phases goes with the fixed clock"),
        (&["--model=nano-banana-pro", "--time-zone=Mars/Olympus"], "unknown time zone `Mars/Olympus`"),
        (&["--model=nano-banana-pro", "--format=vidur"], "no column `arrived_at`"),
        (&["--fit=x.toml", "--burn-input=1", "--burn-output=9"], "--model"),
    ] {
        let run = replay(args);
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{args:?}");
        assert!(run.stderr.contains(expected), "{args:?}: {}", run.stderr);
    }
    let run = burndown(&["replay", "-", "--model=nano-banana-pro", "--estimate=mean"]);
    assert!(run.stderr.contains("standard input can be read once"), "{}", run.stderr);
    let run = burndown(&["replay", "no-such-trace.csv", "--model=nano-banana-pro"]);
    assert!(run.stderr.contains("cannot read `no-such-trace.csv`"), "{}", run.stderr);
}

#[test]
fn what_the_fit_writes_can_be_planned() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("learnt.toml").display().to_string();
    let fit = format!("--fit={path}");
    let args = ["--model=gemini-3.8-flash", "--gsu=30", &fit, "--on=2026-11-21"];
    let run = replay(&args);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stderr.contains("too little for hours of the day"), "{}", run.stderr);
    let written = std::fs::read_to_string(&path).unwrap();
    let expected = "\
# Learnt from azure2023_conv.csv.gz (19366 requests in 58 min 22 s).

[[route]]
name = \"azure2023_conv\"
model = \"gemini-3.8-flash\"
prompt_tokens = 1155
output_text_tokens = 211   # thinking included
# a month at the rate seen; less than a day was seen, which may have been busy or quiet
requests_per_month = [9_689_299, 14_533_949, 29_067_898]
peak_requests_per_minute = 507
# day_shape is left to its default: the trace covers no whole day of a calendar
# week_shape is left to its default: the trace covers no whole week of a calendar
burstiness = { cv = 0.159, correlation_seconds = 47.1 }   # within 20 minutes; slower swings were not seen
";
    assert_eq!(written, expected);
    let planned = burndown(&["plan", &path, "--json", "--on=2026-11-21"]);
    assert_eq!(planned.code, 0, "{}", planned.stderr);
    // A file that is there stays as it is.
    let again = replay(&args);
    assert_eq!(again.code, 2);
    assert!(again.stderr.contains("exists already"), "{}", again.stderr);
}

/// Eight days of one request every 20 minutes by night and every 5 by day: hours and weekdays come out.
#[test]
fn a_long_log_teaches_its_hours_and_weekdays() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("log.csv");
    let mut rows = String::from("TIMESTAMP,ContextTokens,GeneratedTokens\n");
    for day in 1..=9 {
        for minute in
            (0..1_440).filter(|minute| minute % if (480..1_200).contains(minute) { 5 } else { 20 } == 0)
        {
            rows += &format!("2026-06-0{day} {:02}:{:02}:00,100,10\n", minute / 60, minute % 60);
        }
    }
    std::fs::write(&trace, rows).unwrap();
    let written = folder.path().join("learnt.toml");
    let (fit, trace) = (format!("--fit={}", written.display()), trace.display().to_string());
    let run = burndown(&["replay", &trace, "--model=gemini-3.8-flash", "--gsu=1", &fit, "--on=2026-11-21"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let text = std::fs::read_to_string(written).unwrap();
    let night = "0.400";
    let shape: Vec<&str> =
        (0..24).map(|hour| if (8..20).contains(&hour) { "1.600" } else { night }).collect();
    assert!(text.contains(&format!("day_shape = [{}]", shape.join(", "))), "{text}");
    assert!(text.contains("week_shape = [1.000, 1.000, 1.000, 1.000, 1.000, 1.000, 1.000]"), "{text}");
    assert!(text.contains("time_zone = \"UTC\"") && text.contains("burstiness = { cv = 0 }"), "{text}");
    assert!(text.contains("8 whole days, which differ by 0 %"), "{text}");
}
