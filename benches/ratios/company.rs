//! A workload of any size: a company's year.

/// Models that GSUs can serve, and whether they make pictures.
const MODELS: [(&str, bool); 10] = [
    ("gemini-3.8-flash", false),
    ("nano-banana-pro", true),
    ("nano-banana-2.1", true),
    ("gemini-3.7-flash", false),
    ("gemini-3.5-flash", false),
    ("gemini-3.5-flash-lite", false),
    ("gemini-3.1-flash-lite", false),
    ("nano-banana-2", true),
    ("gemini-3.1-pro-preview", false),
    ("gemini-2.5-flash-image", true),
];

const PLACES: [&str; 8] =
    ["global", "us", "eu", "europe-west4", "us-central1", "us-east4", "asia-northeast1", "europe-west1"];

/// Kinds of request spread over so many pools, each a model at a place, with so many requests a month in all.
///
/// # Panics
///
/// When there are more than 80 pools, or more pools than routes.
pub fn workload(routes: usize, pools: usize, requests_per_month: f64) -> String {
    assert!(pools <= MODELS.len() * PLACES.len() && pools <= routes, "{pools} pools of {routes} routes");
    let mut text = String::from("name = \"company\"\nstart = \"2027-01-01\"\nhorizon_months = 12\n");
    for route in 0..routes {
        let pool = route % pools;
        let ((model, pictures), place) = (MODELS[pool % MODELS.len()], PLACES[pool / MODELS.len()]);
        let requests = requests_per_month / routes as f64 * (0.5 + (route * 37 % 100) as f64 / 100.0);
        let output = if pictures { "" } else { "output_text_tokens = [100, 150, 220]\n" };
        text += &format!(
            "\n[[route]]\nname = \"route-{route}\"\nmodel = \"{model}\"\nplacements = [\"vertex:{place}\"]\nprompt_tokens = [{}, {}, {}]\n{output}requests_per_month = [{:.0}, {requests:.0}, {:.0}]\ngrowth_per_month = [0, 0.02, 0.05]\n",
            400 + route,
            600 + route,
            900 + route,
            requests * 0.8,
            requests * 1.3,
        );
    }
    text
}
