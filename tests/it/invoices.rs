//! Golden invoices, worked out by hand from the price pages.

use burndown::{
    model::{Backend, Endpoint, Placement, Tier},
    prices::{BilledUsage, invoice},
};

use crate::{counts, data, shipped, text};

#[test]
fn every_golden_invoice_is_exact_to_the_last_digit() {
    let book = shipped().prices;
    let file: toml::Table = data("invoices.toml").parse().unwrap();
    let cases = file["invoice"].as_array().unwrap();
    assert!(cases.len() >= 150, "{} invoices", cases.len());
    let mut wrong = Vec::new();
    for case in cases {
        let case = case.as_table().unwrap();
        let backend: Backend = text(case, "backend").parse().unwrap();
        let endpoint = match backend {
            Backend::Developer => Endpoint::Developer,
            Backend::Vertex => Endpoint::Vertex(text(case, "location").parse().unwrap()),
        };
        let placement = Placement {
            model: book.resolve(text(case, "model")).unwrap().id,
            endpoint,
            tier: text(case, "tier").parse().unwrap(),
        };
        let tokens = counts(case["tokens"].as_table().unwrap());
        let usage = BilledUsage { tokens, ..BilledUsage::default() };
        let invoice = invoice(&book, &placement, text(case, "on").parse().unwrap(), &usage)
            .unwrap_or_else(|error| panic!("{}: {error}", text(case, "name")));
        let expected = case["usd"].as_table().unwrap();
        let mut found = toml::Table::new();
        for line in &invoice.lines {
            found.insert(line.item.as_str().into(), line.cost_usd.to_string().into());
        }
        found.insert("total".into(), invoice.total_usd.to_string().into());
        if !invoice.complete || !same_amounts(&found, expected) {
            wrong.push(format!("{}:\n  found    {found}\n  expected {expected}", text(case, "name")));
        }
    }
    assert!(wrong.is_empty(), "{} of {} are wrong\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// `0.10` and `0.1` are the same amount; a line of zero may be left out.
fn same_amounts(found: &toml::Table, expected: &toml::Table) -> bool {
    let amount = |value: Option<&toml::Value>| -> rust_decimal::Decimal {
        value.map_or(rust_decimal::Decimal::ZERO, |value| value.as_str().unwrap().parse().unwrap())
    };
    let keys = found.keys().chain(expected.keys());
    keys.into_iter().all(|key| amount(found.get(key)) == amount(expected.get(key)))
}

/// What is not billed by the token: 3 searches at 14 dollars a thousand, 4 pictures at 4 cents, 2.5 million tokens
/// kept for an hour at half a dollar a million.
#[test]
fn searches_pictures_and_storage_are_priced_in_their_own_units() {
    let book = shipped().prices;
    let check = |model: &str, on: &str, usage: BilledUsage, expected: &str| {
        let placement =
            Placement { model: model.into(), endpoint: Endpoint::Developer, tier: Tier::Standard };
        let found = invoice(&book, &placement, on.parse().unwrap(), &usage).unwrap();
        let lines: Vec<String> =
            found.lines.iter().map(|line| format!("{} {}", line.item.as_str(), line.cost_usd)).collect();
        assert_eq!((lines.join(", ").as_str(), found.complete), (expected, true));
    };
    let searches = BilledUsage { searches: 3, ..BilledUsage::default() };
    check("gemini-3-pro-image", "2026-11-21", searches, "searches 0.042");
    let images = BilledUsage { images: 4, ..BilledUsage::default() };
    check("imagen-4.0-generate-001", "2026-06-02", images, "images 0.16");
    let storage = BilledUsage { cache_token_hours: 2_500_000, ..BilledUsage::default() };
    check("gemini-3.8-flash", "2026-11-21", storage, "cache_storage 1.25");
}
