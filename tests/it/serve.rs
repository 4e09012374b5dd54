//! `serve`: questions of the page, and the binary on its socket as browsers and strangers meet it.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
};

use burndown::{
    commands::Library,
    serve::{Answer, Asked, Books, Control, Edit, answer, file_name, suggestion},
    workload::{OutsideFiles, WorkloadFile},
};
use serde_json::{Value, json};

const ON: &str = "2026-11-21";

fn asked(base: &str, edits: &[(&str, &str)]) -> Answer {
    let library = crate::shipped();
    let outside = |_: &WorkloadFile| OutsideFiles::default();
    let books = Books {
        prices: &library.prices,
        capacity: &library.capacity,
        tokens: &library.tokens,
        today: ON.parse().unwrap(),
        name: "my.toml",
        outside: &outside,
    };
    let edits = edits.iter().map(|(field, value)| Edit { field: (*field).into(), value: (*value).into() });
    answer(&books, &Asked { base: base.into(), edits: edits.collect() })
}

fn workload(name: &str) -> String {
    Library::workload(name, None).unwrap().0.text
}

#[track_caller]
fn month_usd(answer: &Answer) -> f64 {
    assert_eq!(answer.problems, []);
    answer.shown.as_ref().unwrap().month_usd
}

#[test]
fn twice_the_requests_cost_twice_as_much() {
    let base = workload("product-photos");
    let before = asked(&base, &[]);
    assert_eq!(before.text, base);
    let key =
        before.form.groups[1].inputs.iter().find(|input| input.id == "route.0.requests_per_month").unwrap();
    let requests: f64 = key.value.replace('_', "").parse().unwrap();
    let twice = asked(&base, &[("route.0.requests_per_month", &(2.0 * requests).to_string())]);
    let ratio = month_usd(&twice) / month_usd(&before);
    assert!((ratio - 2.0).abs() < 0.01, "{ratio}");
    assert_ne!(twice.shown.unwrap().report, before.shown.unwrap().report);
}

#[test]
fn a_wrong_value_is_told_beside_its_input_in_the_words_of_plan() {
    let base = workload("product-photos");
    let found =
        asked(&base, &[("route.0.tier", "flex"), ("route.0.output_size", "8K"), ("horizon_months", "6")]);
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("my.toml"), &found.text).unwrap();
    let run =
        crate::cli::burndown_with(&["plan", "my.toml", "--on", ON], b"", folder.path().to_str().unwrap());
    assert_eq!(run.code, 2);
    assert!(found.shown.is_none());
    let [problem] = &found.problems[..] else { panic!("{:?}", found.problems) };
    assert_eq!(problem.field.as_deref(), Some("route.0.output_size"));
    let told = run.stderr.strip_prefix("error: ").unwrap().trim_end();
    // Without the key that is edited later the place is two lines higher; all else is the same.
    let without_place = |text: &str| {
        let lines = text.lines().filter(|line| !line.contains("-->"));
        lines
            .map(|line| line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ').to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(without_place(&problem.message), without_place(told));
    assert!(problem.message.contains("unknown image size `8K`"), "{}", problem.message);
}

#[test]
fn every_wrong_value_is_told_at_once_and_a_good_one_is_not_blamed() {
    let edits = [
        ("route.0.growth_per_month", "5 %"),
        ("start", "2027-02-01"),
        ("horizon_months", "0"),
        ("route.9.tier", "flex"),
        ("route.0.tier", "provisioned"),
    ];
    let found = asked(&workload("product-photos"), &edits);
    let mut fields: Vec<&str> =
        found.problems.iter().map(|problem| problem.field.as_deref().unwrap()).collect();
    fields.sort();
    assert_eq!(fields, ["horizon_months", "route.0.growth_per_month", "route.0.tier", "route.9.tier"]);
}

#[test]
fn an_edit_that_leaves_nothing_to_plan_is_blamed_for_it() {
    let base = workload("product-photos");
    let found = asked(&base, &[("route.0.growth_per_month", "0.01"), ("route.0.launch", "2099-01-01")]);
    let [problem] = &found.problems[..] else { panic!("{:?}", found.problems) };
    assert_eq!(problem.field.as_deref(), Some("route.0.launch"));
    assert!(problem.message.contains("no route has a request"), "{}", problem.message);
}

#[test]
fn a_text_that_was_wrong_before_blames_no_input() {
    for base in ["[[route", "", "nmae = 1\n[[route]]\nname = \"a\"\n"] {
        let found = asked(base, &[("horizon_months", "6")]);
        let [problem] = &found.problems[..] else { panic!("{:?}", found.problems) };
        assert_eq!(problem.field, None);
        assert!(problem.message.starts_with("cannot use this workload"), "{}", problem.message);
        assert!(found.shown.is_none());
    }
}

#[test]
fn the_form_says_what_the_file_says_and_what_counts_where_it_says_nothing() {
    let found = asked(&workload("company"), &[]);
    let ids: Vec<&str> = found.form.groups.iter().map(|group| group.id.as_str()).collect();
    assert_eq!(ids, ["workload", "route.0", "route.1", "route.2", "route.3", "gsu_orders"]);
    let input = |id: &str| {
        let inputs = found.form.groups.iter().flat_map(|group| &group.inputs);
        inputs.clone().find(|input| input.id == id).unwrap_or_else(|| panic!("no {id}"))
    };
    assert_eq!(input("budget_usd_per_month").value, "60_000");
    assert_eq!(input("route.0.growth_per_month").value, "[0, 0.03, 0.06]");
    assert_eq!(input("route.0.placements").value, "vertex:global, developer");
    assert_eq!(input("route.0.placements").control, Control::Ticks);
    assert_eq!(
        (input("route.0.output_size").value.as_str(), input("route.0.output_size").default.as_str()),
        ("", "1K")
    );
    assert_eq!(input("route.1.thinking_level").value, "medium");
    assert!(input("route.1.output_size").options.contains(&"4K".to_string()));
    assert_eq!(input("route.2.requests_total").value, "900_000");
    let has = |id: &str| found.form.groups.iter().flat_map(|group| &group.inputs).any(|input| input.id == id);
    assert!(
        !has("route.2.requests_per_month") && !has("route.3.output_size") && !has("route.0.prompt_tokens")
    );
}

#[test]
fn an_order_of_gsus_that_is_tried_is_in_the_report() {
    let found = asked(&workload("product-photos"), &[("gsu_orders.add", ""), ("gsu_orders.0.count", "3")]);
    assert_eq!(found.problems, []);
    assert!(found.text.contains("[[gsu_orders]]"), "{}", found.text);
    let order = found.form.groups.iter().find(|group| group.id == "gsu_orders.0").unwrap();
    assert_eq!(order.inputs[0].value, "3");
    let plain = asked(&workload("product-photos"), &[]);
    assert_ne!(found.shown.unwrap().report, plain.shown.unwrap().report);
}

#[test]
fn names_of_files_lead_nowhere_else() {
    for good in ["a.toml", "my work load_2.toml", "Zürich-b.c.toml", " a.toml "] {
        assert_eq!(file_name(good), Ok(good.trim()), "{good}");
    }
    for bad in [
        "../a.toml",
        "a/b.toml",
        "/etc/a.toml",
        "..\\a.toml",
        "C:a.toml",
        ".a.toml",
        "a.txt",
        "a",
        ".toml",
        "",
        "a\0.toml",
        "a\n.toml",
        "~.toml",
        "nul.toml",
        "COM1.toml",
        "-a.toml",
        "a\u{202e}.toml",
        "a.toml/",
        "..toml",
    ] {
        assert!(file_name(bad).is_err(), "{bad:?}");
    }
    assert!(file_name(&format!("{}.toml", "a".repeat(300))).is_err());
    for name in ["company.toml", "../x y.toml", "", ".toml"] {
        assert_eq!(file_name(&suggestion(name)).map(str::to_string), Ok(suggestion(name)));
    }
    assert_eq!(suggestion("company.toml"), "company-what-if.toml");
}

/// A running `burndown serve`.
pub struct Served {
    child: Child,
    /// As it was printed.
    pub url: String,
    port: u16,
    key: String,
}

impl Served {
    pub fn start(workload: &str, folder: &Path) -> Served {
        let mut child = Command::new(env!("CARGO_BIN_EXE_burndown"))
            .args(["serve", workload, "--port=0", "--on", ON])
            .current_dir(folder)
            .env_remove("BURNDOWN_PROFILES")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim_end().to_string();
        let (port, key) = url.strip_prefix("http://127.0.0.1:").unwrap().split_once('/').unwrap();
        let (port, key) = (port.parse().unwrap(), key.trim_end_matches('/').to_string());
        Served { child, url, port, key }
    }

    fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Status, headers and body.
    fn raw(&self, request: &str) -> (u16, String, String) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        // Who is refused for the length of the question is told before its end.
        let _ = stream.write_all(request.as_bytes());
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head[9..12].parse().unwrap(), head.to_ascii_lowercase(), body.to_string())
    }

    fn get_as(&self, path: &str, headers: &str) -> (u16, String, String) {
        self.raw(&format!("GET /{}/{path} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n", self.key))
    }

    fn get(&self, path: &str) -> (u16, String, String) {
        self.get_as(path, &format!("Host: 127.0.0.1:{}\r\n", self.port))
    }

    fn post_as(&self, path: &str, headers: &str, body: &Value) -> (u16, String) {
        let body = body.to_string();
        let (status, _, body) = self.raw(&format!(
            "POST /{}/{path} HTTP/1.1\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.key,
            body.len()
        ));
        (status, body)
    }

    fn own(&self) -> String {
        format!(
            "Host: 127.0.0.1:{}\r\nOrigin: {}\r\nContent-Type: application/json\r\n",
            self.port,
            self.origin()
        )
    }

    fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let (status, body) = self.post_as(path, &self.own(), body);
        (status, serde_json::from_str(&body).unwrap_or(Value::String(body)))
    }

    /// Ctrl-C, and the exit code.
    fn interrupt(mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A folder with a workload.
pub fn folder_with(workload_name: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("my.toml"), workload(workload_name)).unwrap();
    folder
}

#[test]
fn the_page_comes_with_a_policy_and_answers_until_ctrl_c() {
    let folder = folder_with("text-to-image");
    let served = Served::start("my.toml", folder.path());
    let (status, head, body) = served.get("");
    assert_eq!(status, 200, "{body}");
    assert!(body.contains("<title>my.toml"), "{body}");
    assert!(head.contains("content-security-policy: default-src 'none'; script-src 'self';"), "{head}");
    assert!(!head.contains("access-control-allow"), "{head}");
    let (_, _, opened) = served.get("workload");
    let opened: Value = serde_json::from_str(&opened).unwrap();
    assert_eq!(opened["text"], workload("text-to-image"));
    assert_eq!(opened["suggestion"], "my-what-if.toml");
    let (status, answer) = served.post("plan", &json!({"base": opened["text"], "edits": []}));
    assert_eq!(status, 200);
    let run = crate::cli::burndown_with(
        &["plan", "my.toml", "--json", "--on", ON],
        b"",
        folder.path().to_str().unwrap(),
    );
    let plan: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(answer["shown"]["month_usd"], plan["bill"]["month"]["mean"]);
    // The file is read anew, and nothing else is kept.
    fs::write(folder.path().join("my.toml"), "# changed").unwrap();
    assert!(served.get("workload").2.contains("# changed"));
    assert_eq!(served.interrupt(), Some(0));
}

#[test]
fn strangers_are_refused() {
    let folder = folder_with("text-to-image");
    let served = Served::start("my.toml", folder.path());
    let port = served.port;
    assert_eq!(served.get_as("", &format!("Host: localhost:{port}\r\n")).0, 200);
    assert_eq!(served.get_as("workload", &format!("Host: evil.example:{port}\r\n")).0, 421);
    assert_eq!(served.get_as("workload", "").0, 421);
    let question = json!({"name": "new.toml", "text": workload("text-to-image"), "replaces": null});
    let json = "Content-Type: application/json\r\n";
    for (headers, status) in [
        (format!("Host: 127.0.0.1:{port}\r\nOrigin: http://evil.example\r\n{json}"), 403),
        (format!("Host: 127.0.0.1:{port}\r\nOrigin: null\r\n{json}"), 403),
        (format!("Host: 127.0.0.1:{port}\r\n{json}"), 403),
        (format!("Host: evil.example\r\nOrigin: http://evil.example\r\n{json}"), 421),
        // A form of another site cannot send JSON without asking first.
        (
            format!("Host: 127.0.0.1:{port}\r\nOrigin: {}\r\nContent-Type: text/plain\r\n", served.origin()),
            415,
        ),
    ] {
        assert_eq!(served.post_as("save", &headers, &question).0, status, "{headers}");
    }
    let asks = format!(
        "OPTIONS /{}/save HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: http://evil.example\r\nAccess-Control-Request-Method: POST\r\nConnection: close\r\n\r\n",
        served.key
    );
    assert_eq!(served.raw(&asks).0, 403);
    let without_key = format!("GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    assert_eq!(served.raw(&without_key).0, 404);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    // Another address of the same machine.
    assert!(TcpStream::connect(("127.0.0.2", port)).is_err());
}

#[test]
fn saving_shows_first_asks_before_it_replaces_and_stays_in_the_folder() {
    let folder = folder_with("text-to-image");
    let text = workload("text-to-image").replace("model =", "growth_per_month = 0.02\nmodel =");
    let served = Served::start("my.toml", folder.path());
    let (status, target) = served.post("target", &json!({"name": "new.toml", "text": text}));
    assert_eq!((status, &target["replaces"]), (200, &Value::Null));
    assert!(target["difference"].as_str().unwrap().contains("\n+growth_per_month = 0.02\n"), "{target}");
    assert!(!folder.path().join("new.toml").exists());
    let save = |name: &str, text: &str, replaces: Value| {
        served.post("save", &json!({"name": name, "text": text, "replaces": replaces}))
    };
    assert_eq!(save("new.toml", &text, Value::Null).0, 200);
    assert_eq!(fs::read_to_string(folder.path().join("new.toml")).unwrap(), text);
    // There now: not without a look at what is there.
    let (status, refused) = save("new.toml", "x", Value::Null);
    assert_eq!(status, 409, "{refused}");
    let (status, refused) = save("my.toml", &text, Value::Null);
    assert_eq!(status, 409, "{refused}");
    assert_eq!(fs::read_to_string(folder.path().join("my.toml")).unwrap(), workload("text-to-image"));
    let (_, target) = served.post("target", &json!({"name": "my.toml", "text": text}));
    fs::write(folder.path().join("my.toml"), workload("captions")).unwrap();
    let (status, refused) = save("my.toml", &text, target["replaces"].clone());
    assert_eq!(status, 409);
    assert!(refused["problem"].as_str().unwrap().contains("changed meanwhile"), "{refused}");
    let (_, target) = served.post("target", &json!({"name": "my.toml", "text": text}));
    assert_eq!(save("my.toml", &text, target["replaces"].clone()).0, 200);
    assert_eq!(fs::read_to_string(folder.path().join("my.toml")).unwrap(), text);
}

#[test]
fn what_may_not_be_written_is_not_written() {
    let folder = folder_with("text-to-image");
    let inside = folder.path().join("inner");
    fs::create_dir(&inside).unwrap();
    fs::rename(folder.path().join("my.toml"), inside.join("my.toml")).unwrap();
    fs::write(inside.join("Cargo.toml"), "[package]\nname = \"x\"\n").unwrap();
    fs::write(folder.path().join("above.toml"), "[[route]]\n").unwrap();
    std::os::unix::fs::symlink(folder.path().join("above.toml"), inside.join("link.toml")).unwrap();
    let served = Served::start("inner/my.toml", folder.path());
    let text = workload("text-to-image");
    for name in
        ["../above.toml", "/tmp/above.toml", "a/b.toml", "..", "x.json", "", "Cargo.toml", "link.toml"]
    {
        for replaces in [Value::Null, json!("[[route]]\n"), json!("[package]\nname = \"x\"\n")] {
            let question = json!({"name": name, "text": text, "replaces": replaces});
            let (status, refused) = served.post("save", &question);
            assert_eq!(status, 409, "{name}: {refused}");
        }
    }
    let (status, refused) =
        served.post("save", &json!({"name": "new.toml", "text": "nmae = 1", "replaces": null}));
    assert_eq!(status, 409);
    assert!(refused["problem"].as_str().unwrap().contains("did you mean `name`?"), "{refused}");
    assert_eq!(fs::read_to_string(folder.path().join("above.toml")).unwrap(), "[[route]]\n");
    assert_eq!(fs::read_to_string(inside.join("Cargo.toml")).unwrap(), "[package]\nname = \"x\"\n");
    assert_eq!(fs::read_dir(&inside).unwrap().count(), 3);
}

#[test]
fn a_question_that_is_none_is_refused_in_words() {
    let folder = folder_with("text-to-image");
    let served = Served::start("my.toml", folder.path());
    let (status, told) = served.post("plan", &json!({"base": 1}));
    assert_eq!(status, 422, "{told}");
    let (status, told) = served.post("plan", &json!({"base": "", "edits": [], "more": 1}));
    assert_eq!(status, 422, "{told}");
    assert_eq!(served.get("plan").0, 405);
    assert_eq!(served.get("../my.toml").0, 404);
    let (status, told) = served.post("plan", &json!({"base": "x".repeat(17 << 20), "edits": []}));
    assert_eq!(status, 413, "{told}");
}

#[test]
fn a_workload_that_cannot_be_planned_is_not_served() {
    let folder = folder_with("text-to-image");
    fs::write(folder.path().join("bad.toml"), "nmae = 1\n").unwrap();
    let run = crate::cli::burndown_with(&["serve", "bad.toml"], b"", folder.path().to_str().unwrap());
    assert_eq!((run.code, run.stdout.as_str()), (2, ""));
    assert!(run.stderr.contains("did you mean `name`?"), "{}", run.stderr);
}

#[test]
fn the_page_lives_in_a_browser() {
    let folder = folder_with("company");
    let served = Served::start("my.toml", folder.path());
    crate::browser::browse("serve.mjs", &[&served.url, folder.path().to_str().unwrap()], 10);
    if std::env::var_os("BURNDOWN_BROWSER").is_none() {
        return;
    }
    // What the browser saved gives the bill that the browser saw.
    let at = folder.path().to_str().unwrap();
    let run = crate::cli::burndown_with(&["plan", "from-the-browser.toml", "--json", "--on", ON], b"", at);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let plan: Value = serde_json::from_str(&run.stdout).unwrap();
    let seen: f64 = fs::read_to_string(folder.path().join("seen.txt")).unwrap().parse().unwrap();
    assert_eq!(plan["bill"]["month"]["mean"].as_f64().unwrap().round(), seen);
}
