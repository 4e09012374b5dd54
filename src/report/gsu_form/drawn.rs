//! The form as text, tables and sheets.

use super::*;

impl GsuForms {
    /// One number a row: the pool, what it belongs to, its name, what to enter or what comes of it, its 90 % range,
    /// how it is known and from how many answers.
    ///
    /// # Panics
    ///
    /// Never: writing to memory cannot fail.
    pub fn csv(&self) -> String {
        let header = ["model", "location", "month", "part", "what", "value", "p05", "p95", "known", "n"];
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(header).expect("memory takes any record");
        for pool in &self.pools {
            let lead = [pool.model.to_string(), pool.endpoint.to_string(), pool.month.clone()];
            for row in pool.csv_rows() {
                writer.write_record(lead.iter().chain(&row)).expect("memory takes any record");
            }
        }
        String::from_utf8(writer.into_inner().expect("memory flushes")).expect("text in, text out")
    }

    /// One page per pool, or one that says why there is none; what is in no form stands on the last.
    pub fn pages(&self) -> Vec<Report> {
        let mut pages: Vec<Report> = self.pools.iter().map(PoolForm::page).collect();
        if pages.is_empty() {
            let none = "Nothing to enter: no route of this workload takes provisioned throughput.";
            let sections = vec![Section { heading: "FORM", blocks: vec![Block::Text(vec![words(none)])] }];
            pages.push(page(self.workload.clone(), sections));
        }
        let left: Vec<Block> = self
            .left_out
            .iter()
            .map(|left| Block::Text(vec![words(format!("{} {}", left.route, left.why))]))
            .collect();
        if let (Some(last), false) = (pages.last_mut(), left.is_empty()) {
            last.sections.push(Section { heading: "NOT IN IT", blocks: left });
        }
        pages
    }
}

fn page(title: String, sections: Vec<Section>) -> Report {
    Report { title, sections, ..Report::default() }
}

impl PoolForm {
    /// Part, name, value, range, grade, answers.
    fn csv_rows(&self) -> Vec<[String; 7]> {
        let field = |field: &FieldEntry| {
            let known = &field.known;
            let [low, high] = known.range.map_or_else(Default::default, |range| range.map(|b| b.to_string()));
            let grade = known.grade.map_or_else(|| "workload".to_string(), |grade| grade.to_string());
            let n = known.n.map_or_else(String::new, |n| n.to_string());
            ["field".into(), known.name.clone(), field.entry.clone(), low, high, grade, n]
        };
        let plain = |part: &str, what: &str, value: Option<String>| {
            let none = String::new;
            [part.into(), what.into(), value.unwrap_or_default(), none(), none(), none(), none()]
        };
        let mut rows: Vec<[String; 7]> = self.fields.iter().map(field).collect();
        for load in &self.loads {
            let what = self.load_label(load.kind);
            rows.push(plain("queries per second", &what, Some(load.queries_per_second.to_string())));
            rows.push(plain("GSU at these queries", &what, Some(load.gsu.to_string())));
        }
        let answer = &self.answer;
        let text = |value: Option<f64>| value.map(|value| value.to_string());
        rows.extend([
            plain("answer", "GSU", Some(answer.gsu.to_string())),
            plain("answer", "share left to PayGo", text(answer.left_share)),
            plain("answer", "window, seconds", answer.window_seconds.map(|seconds| seconds.to_string())),
            plain("answer", "burn tokens per window", answer.quota_per_window.map(|quota| quota.to_string())),
            plain("answer", "GSU for 1 % left", self.one_percent_gsu.map(|gsu| gsu.to_string())),
        ]);
        if let Some(cheapest) = &self.cheapest {
            rows.extend([
                plain("cheapest", "GSU", Some(cheapest.gsu.to_string())),
                plain("cheapest", "term", Some(cheapest.term.clone()).filter(|_| cheapest.gsu > 0)),
                plain("cheapest", "USD per month", Some(cheapest.usd_per_month.to_string())),
                plain(
                    "cheapest",
                    "USD per month by PayGo alone",
                    Some(cheapest.paygo_usd_per_month.to_string()),
                ),
                plain("cheapest", "USD bound", Some(cheapest.bound_usd.to_string())),
            ]);
        }
        rows
    }

    fn page(&self) -> Report {
        let mut sections = vec![
            Section { heading: "FORM", blocks: self.field_blocks() },
            Section { heading: "QUERIES", blocks: vec![self.load_rows()] },
        ];
        if self.routes.len() > 1 {
            sections.push(Section { heading: "BLEND", blocks: vec![self.route_rows()] });
        }
        sections
            .push(Section { heading: "ANSWER", blocks: vec![Block::Text(vec![words(self.sentences())])] });
        page(format!("{} · {} · {}, the busiest month", self.model, self.endpoint, self.month), sections)
    }

    fn field_blocks(&self) -> Vec<Block> {
        let inferred = |field: &FieldEntry| field.known.caption_grade != Grade::Documented;
        let legend = "? = no document lists this model's fields; inferred from its burndown rates";
        let legend = self.fields.iter().any(inferred).then(|| Block::Text(vec![words(legend)]));
        [self.field_rows()].into_iter().chain(legend).collect()
    }

    fn field_rows(&self) -> Block {
        let dash = || "–".to_string();
        let row = |field: &FieldEntry| {
            let known = &field.known;
            let range = known.range.map(|range| range.map(|bound| bound_text(&known.unit, bound)));
            let range = range.map(|[low, high]| if low == high { low } else { format!("{low}–{high}") });
            let used = known.value > 0.0;
            let grade = known.grade.map(|grade| grade.to_string());
            let grade = grade.unwrap_or_else(|| if used { "workload" } else { "not used" }.into());
            let caption = if known.caption_grade == Grade::Documented { "" } else { " ?" };
            cells([
                format!("{}{caption}", known.name),
                field.entry.clone() + if known.unit == "%" { " %" } else { "" },
                range.unwrap_or_else(dash),
                grade,
                known.n.map_or_else(dash, grouped),
            ])
        };
        let header = captions(["field", "enter", "5 to 95 %", "known", "n"]);
        Block::Rows { header, rows: self.fields.iter().map(row).collect() }
    }

    fn load_label(&self, kind: LoadKind) -> String {
        match kind {
            LoadKind::MeanOfMonth => format!("mean of {}, entered above", self.month),
            LoadKind::BusiestHour => "busiest hour of its week".into(),
            LoadKind::StatedPeak => "peak, as stated".into(),
            LoadKind::WholeNumber => "the mean as a whole number".into(),
        }
    }

    fn load_rows(&self) -> Block {
        let row = |load: &FormLoad| {
            cells([self.load_label(load.kind), entry("1/s", load.queries_per_second), grouped(load.gsu)])
        };
        let mut rows: Vec<Vec<Piece>> = self.loads.iter().map(row).collect();
        if self.loads.iter().all(|load| load.kind != LoadKind::StatedPeak) {
            rows.push(cells(["peak: none is stated".to_string(), "–".into(), "–".into()]));
        }
        Block::Rows { header: captions(["queries per second", "enter", "GSU"]), rows }
    }

    fn route_rows(&self) -> Block {
        let row = |route: &Blended| {
            cells([
                route.route.clone(),
                percent(route.share_of_requests),
                percent(route.share_of_burn),
                figure(route.burn_per_request),
            ])
        };
        let header = captions(["route", "of requests", "of burn", "burn a request"]);
        Block::Rows { header, rows: self.routes.iter().map(row).collect() }
    }

    /// What the form will answer, what that leaves and why, what 1 % needs, what is cheapest.
    fn sentences(&self) -> String {
        let answer = &self.answer;
        let mut text = format!("The form will answer {} GSU", grouped(answer.gsu));
        if let Some(left) = answer.left_share {
            text += &format!(", leaving {} of the month's tokens to PayGo", percent(left));
            let range = answer.left_range.map(|range| range.map(percent));
            text += &match (range, &answer.learned) {
                (Some([low, high]), None) => format!(" ({low} to {high} under other rules of admission)"),
                (Some([low, high]), Some(learned)) if low != high => {
                    format!(" ({low} to {high}; admission {learned})")
                }
                (_, Some(learned)) => format!(" (admission {learned})"),
                (None, None) => String::new(),
            };
        }
        if let (Some(seconds), Some(quota), Some(brought)) =
            (answer.window_seconds, answer.quota_per_window, answer.requests_per_window)
        {
            let whole = answer.whole_requests_per_window.unwrap_or(0);
            text += &format!(
                ": {} burn tokens in {} s hold {} whole requests of mean size; {} come on average, at times more",
                decimal_grouped(quota),
                grouped(seconds),
                grouped(whole),
                figure(brought),
            );
        }
        text += &match self.one_percent_gsu {
            Some(gsu) => format!("; to leave 1 % takes {} GSU", grouped(gsu)),
            None => "; no count of the curve leaves 1 %".into(),
        };
        text += &self.cheapest.as_ref().map(Cheapest::words).unwrap_or_default();
        text + &self.against_priority.as_ref().map(AgainstPriority::words).unwrap_or_default() + "."
    }
}

impl Cheapest {
    fn words(&self) -> String {
        let paygo = money_whole(self.paygo_usd_per_month);
        if self.gsu == 0 {
            return format!("; cheapest is none, {paygo} a month by PayGo alone");
        }
        let if_varies = match self.holds_if_demand_varies {
            true => "",
            false => ", and loses on average if demand may halve or double",
        };
        format!(
            "; cheapest as planned is {} GSU for {}, {} a month with PayGo against {paygo} without, which binds {}{if_varies}",
            grouped(self.gsu),
            self.term,
            money_whole(self.usd_per_month),
            money_whole(self.bound_usd),
        )
    }
}

impl AgainstPriority {
    fn words(&self) -> String {
        format!(
            "; against priority PayGo, {} a month, {} GSU for {} save {}",
            money_whole(self.priority_usd_per_month),
            grouped(self.gsu),
            self.term,
            money_whole(self.saving_usd_per_month),
        )
    }
}

fn cells<const N: usize>(texts: [String; N]) -> Vec<Piece> {
    texts.into_iter().map(words).collect()
}
