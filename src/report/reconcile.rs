//! A bill taken apart, as text and Markdown.

use super::{
    format::{grouped, signed_cents},
    sheet::Sheet,
};
use crate::projection::reconcile::Reconciliation;

/// For a terminal.
pub fn reconciliation_text(found: &Reconciliation) -> String {
    sheet(found).terminal()
}

/// For a ticket.
pub fn reconciliation_markdown(found: &Reconciliation) -> String {
    sheet(found).markdown()
}

fn sheet(found: &Reconciliation) -> Sheet {
    let days = match found.days {
        Some([first, last]) => format!("{first} to {last}"),
        None => "days not told".into(),
    };
    let mut sheet = Sheet { title: format!("bill of {days}"), ..Sheet::default() };
    let mut shown = signed_cents(&found.components.iter().map(|part| part.usd).collect::<Vec<f64>>());
    let total = shown.pop().unwrap_or_default();
    let mut rows = vec![vec!["component".to_string(), "USD".into()]];
    rows.extend(
        found.components.iter().zip(shown).map(|(part, usd)| vec![part.component.label().into(), usd]),
    );
    rows.push(vec!["the bill".into(), total]);
    sheet.table(rows);
    if let Some(own) = found.declared_total_usd {
        let difference = signed_cents(&[own - found.total_usd]).remove(0);
        sheet.text(format!("The file's own total is ${own:.2}, {difference} from the sum of its lines."));
    }
    let mut rows =
        vec![["SKUs by class", "tokens", "expected", "billed USD", "book USD"].map(String::from).to_vec()];
    for row in &found.rows {
        rows.push(vec![
            format!("{} {} {} {}", row.backend, row.model, row.tier, row.class.label()),
            grouped(row.tokens.max(0.0).round() as u64),
            row.tokens_expected.map_or("–".into(), |tokens| grouped(tokens.max(0.0).round() as u64)),
            format!("{:.2}", row.usd_billed),
            format!("{:.2}", row.usd_at_book),
        ]);
    }
    sheet.table(rows);
    let mut rows = vec![["not in the price book", "why", "USD"].map(String::from).to_vec()];
    for row in &found.others {
        let name = if row.sku.is_empty() { "(no SKU)" } else { &row.sku };
        rows.push(vec![name.into(), row.component.label().into(), format!("{:.2}", row.usd)]);
    }
    sheet.table(rows);
    sheet
}
