//! What pages without scripts share: their style, and text that stays text.
//!
//! Not here: any page (`links`), and the dashboard.

use axum::http::header;
use axum::response::IntoResponse;

const STYLE: &str = "body{font:15px system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem}\
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #8884;\
vertical-align:top}code{font-size:.9em}h2{margin-top:2rem}@media(prefers-color-scheme:dark){body{background:#111;\
color:#ddd}a{color:#8bf}}form{margin:1.5rem 0}button{font:inherit;padding:.6rem 1.6rem;margin:.2rem}\
textarea{display:block;width:100%;font:inherit;margin:.4rem 0 1rem}pre{white-space:pre-wrap;overflow-wrap:anywhere}\
.question{font-size:1.2rem;white-space:pre-wrap}.small{opacity:.7;font-size:.9em}.problem{color:#c33}";

/// `GET /style.css`
pub async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLE)
}

/// Text that can only be text: no page, and nothing that drives a terminal in which a page is read.
pub fn plain(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        let bidi = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '\n' | '\t' => safe.push(c),
            c if c.is_control() || bidi => safe.extend(c.escape_default()),
            c => safe.push(c),
        }
    }
    safe
}
