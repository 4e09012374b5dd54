//! A chart's SVG as it stands inside the page: what the page says already, or what is the default, is left out.

/// Attributes that say what is so without them.
const DEFAULTS: [&str; 3] = [" opacity=\"1\"", " stroke=\"none\"", " text-anchor=\"start\""];

/// The family of every text, which the page's picture names once.
const FAMILY: &str = " font-family=\"Inter, Helvetica, Arial, sans-serif\"";

/// The picture in about two thirds of its bytes. Quotes inside texts are escaped, so that only attributes match.
pub(super) fn slim(svg: &str) -> String {
    let mut slim = svg.replace(FAMILY, "");
    for default in DEFAULTS {
        slim = slim.replace(default, "");
    }
    slim = without_description(&slim);
    slim = rounded_sizes(&slim);
    slim.replacen("<svg ", &format!("<svg{FAMILY} "), 1)
}

/// Without `<desc>`, which repeats the `aria-label`.
fn without_description(svg: &str) -> String {
    match (svg.find("<desc>"), svg.find("</desc>\n")) {
        (Some(start), Some(end)) if start < end => {
            format!("{}{}", &svg[..start], &svg[end + "</desc>\n".len()..])
        }
        _ => svg.to_string(),
    }
}

/// Font sizes without the dust of floating point: `130.00000000000003` is `130`.
fn rounded_sizes(svg: &str) -> String {
    const NAME: &str = "font-size=\"";
    let mut parts = svg.split(NAME);
    let mut rounded = parts.next().unwrap_or_default().to_string();
    for part in parts {
        rounded += NAME;
        match part.split_once('"') {
            Some((size, rest)) => {
                let size = size.parse().map_or(size.to_string(), |size: f64| size.round().to_string());
                rounded += &format!("{size}\"{rest}");
            }
            None => rounded += part,
        }
    }
    rounded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_keeps_what_is_drawn_and_loses_what_goes_without_saying() {
        let svg = "<svg width=\"1\" aria-label=\"a\">\n<title>t</title>\n<desc>a</desc>\n<text x=\"1\" \
                   text-anchor=\"start\" font-family=\"Inter, Helvetica, Arial, sans-serif\" \
                   font-size=\"130.00000000000003\" opacity=\"1\" fill=\"#212529\">opacity=&quot;1&quot;</text>\n\
                   <rect x=\"0\" opacity=\"0.16\" stroke=\"none\"/>\n</svg>\n";
        let expected = "<svg font-family=\"Inter, Helvetica, Arial, sans-serif\" width=\"1\" \
                        aria-label=\"a\">\n<title>t</title>\n<text x=\"1\" font-size=\"130\" \
                        fill=\"#212529\">opacity=&quot;1&quot;</text>\n<rect x=\"0\" opacity=\"0.16\"/>\n</svg>\n";
        assert_eq!(slim(svg), expected);
    }
}
