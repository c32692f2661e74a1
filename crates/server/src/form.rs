//! A form as browsers send it (`application/x-www-form-urlencoded`): its fields, in order.
//!
//! Not here: what they mean. Only the page of a link is answered by a form (`links`).

use crate::given;
use crate::problem::Problem;
use axum::extract::Request;
use axum::http::{StatusCode, header};

/// The longest form, in bytes.
const MOST: usize = 256 << 10;

/// The fields of a form that was sent.
pub async fn read(request: Request) -> Result<Vec<(String, String)>, Problem> {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        let detail = "an answer is sent as the page's form";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "usage", detail));
    }
    let bytes = given::whole(request).await?;
    if bytes.len() > MOST {
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "usage", "that is too long for a form"));
    }
    fields(&bytes).ok_or_else(|| Problem::new(StatusCode::BAD_REQUEST, "usage", "that is no form"))
}

fn fields(bytes: &[u8]) -> Option<Vec<(String, String)>> {
    let parts = bytes.split(|byte| *byte == b'&').filter(|part| !part.is_empty());
    let field = |part: &[u8]| {
        let at = part.iter().position(|byte| *byte == b'=').unwrap_or(part.len());
        let (name, value) = part.split_at(at);
        Some((decoded(name)?, decoded(value.get(1..).unwrap_or_default())?))
    };
    parts.map(field).collect()
}

fn decoded(part: &[u8]) -> Option<String> {
    let digit = |byte: Option<&u8>| char::from(*byte?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut out = Vec::with_capacity(part.len());
    let mut rest = part.iter();
    while let Some(byte) = rest.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => digit(rest.next())? << 4 | digit(rest.next())?,
            other => *other,
        });
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::fields;

    #[test]
    fn a_form_is_its_fields() {
        let of = |text: &str| fields(text.as_bytes());
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(of("value=true"), Some(vec![pair("value", "true")]));
        assert_eq!(of("a=1+2%20%2B&b=%C3%A9&&c"), Some(vec![pair("a", "1 2 +"), pair("b", "\u{e9}"), pair("c", "")]));
        assert_eq!(of("a=b=c"), Some(vec![pair("a", "b=c")]));
        assert_eq!(of(""), Some(vec![]));
        for wrong in ["a=%", "a=%4", "a=%zz", "a=%ff", "%-1=a"] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
    }
}
