//! What the units look like in files: their schemas, beside the serde that is written by hand.

use super::{Factor, GROWTH_MAX, Growth, LARGEST_PRICE, LARGEST_SENSIBLE, Range, Rate, Share, Usd};
use crate::schema::described;

/// The keys of a range as it is written.
fn three_points() -> serde_json::Value {
    let number = serde_json::json!({ "type": "number" });
    serde_json::json!({ "p05": number, "likely": number, "p95": number })
}

described!(Usd, "Usd", {
    "description": "US dollars, exact, as a text.",
    "type": "string",
    "pattern": r"^-?[0-9]+(\.[0-9]+)?$"
});
described!(Rate, "Rate",
    read: {
        "description": "A price in US dollars; the key says for what. At most 12 decimals.",
        "type": ["number", "string"],
        "minimum": 0,
        "maximum": LARGEST_PRICE,
        "pattern": r"^[0-9_]+(\.[0-9]+)?([eE]-?[0-9]+)?$"
    },
    written: {
        "description": "A price in US dollars, exact, as a text; the key says for what.",
        "type": "string",
        "pattern": r"^[0-9]+(\.[0-9]+)?$"
    }
);
described!(Factor, "Factor",
    read: {
        "description": "A factor on prices.",
        "type": ["number", "string"],
        "minimum": 0.1,
        "maximum": 10
    },
    written: { "description": "A factor on prices, exact, as a text.", "type": "string" }
);
described!(Share, "Share", {
    "description": "A part of a whole, 0 to 1.",
    "type": "number",
    "minimum": 0,
    "maximum": 1
});
described!(Range, "Range",
    read: {
        "description": "One number, or a range [p5, likely, p95], ascending.",
        "type": ["number", "array"],
        "minimum": 0,
        "maximum": LARGEST_SENSIBLE,
        "items": { "type": "number", "minimum": 0, "maximum": LARGEST_SENSIBLE },
        "minItems": 3,
        "maxItems": 3
    },
    written: {
        "description": "A range: 5 % lie below `p05`, 5 % above `p95`.",
        "type": "object",
        "properties": three_points(),
        "required": ["p05", "likely", "p95"],
        "additionalProperties": false
    }
);
described!(Growth, "Growth",
    read: {
        "description": "Relative change per month (0.05 is 5 %), one number or a range [p5, likely, p95].",
        "type": ["number", "array"],
        "minimum": -0.9,
        "maximum": GROWTH_MAX,
        "items": { "type": "number", "minimum": -0.9, "maximum": GROWTH_MAX },
        "minItems": 3,
        "maxItems": 3
    },
    written: {
        "description": "Relative change per month (0.05 is 5 %): 5 % lie below `p05`, 5 % above `p95`.",
        "type": "object",
        "properties": three_points(),
        "required": ["p05", "likely", "p95"],
        "additionalProperties": false
    }
);
