//! A value that a JSON Schema takes: something to paste, or to type over. Not here: whether an answer fits (`answer`).

use serde_json::{Value as Json, json};

const DEEP: usize = 8;
/// No example is longer, whatever its schema wants.
const LONG: u64 = 100;

/// A JSON text that a schema takes, or nearly: of a pattern nothing is known here.
pub(super) fn example(schema: Option<&Json>) -> String {
    sample(schema.unwrap_or(&Json::Null), schema.unwrap_or(&Json::Null), 0).to_string()
}

fn sample(schema: &Json, root: &Json, depth: usize) -> Json {
    if depth > DEEP {
        return Json::Null;
    }
    let inside = |part: &Json| sample(part, root, depth + 1);
    if let Some(name) = schema.get("$ref").and_then(Json::as_str) {
        let target = name.strip_prefix('#').and_then(|path| root.pointer(path));
        return target.map_or(Json::Null, inside);
    }
    for given in ["const", "default"] {
        if let Some(value) = schema.get(given) {
            return value.clone();
        }
    }
    for list in ["enum", "examples"] {
        if let Some(first) = schema.get(list).and_then(|all| all.get(0)) {
            return first.clone();
        }
    }
    for list in ["anyOf", "oneOf", "allOf"] {
        if let Some(first) = schema.get(list).and_then(|all| all.get(0)) {
            return inside(first);
        }
    }
    let kind = schema.get("type");
    match kind.and_then(Json::as_str).or_else(|| kind?.get(0)?.as_str()) {
        Some("boolean") => Json::Bool(true),
        Some("integer") => whole(schema),
        Some("number") => number(schema),
        Some("array") => Json::Array(items(schema, &inside)),
        Some("object") => {
            let fields = schema.get("properties").and_then(Json::as_object);
            let required = schema.get("required").and_then(Json::as_array);
            let needed = |name: &str| required.is_none_or(|all| all.iter().any(|one| one == name));
            let shown = fields.into_iter().flatten().filter(|(name, _)| needed(name));
            Json::Object(shown.map(|(name, field)| (name.clone(), inside(field))).collect())
        }
        Some("null") => Json::Null,
        _ => text(schema),
    }
}

fn items(schema: &Json, inside: &dyn Fn(&Json) -> Json) -> Vec<Json> {
    let each = schema.get("items").filter(|items| items.is_object());
    let mut made: Vec<Json> =
        schema.get("prefixItems").and_then(Json::as_array).into_iter().flatten().map(inside).collect();
    let most = schema.get("maxItems").and_then(Json::as_u64).unwrap_or(LONG);
    let least = schema.get("minItems").and_then(Json::as_u64).unwrap_or_else(|| u64::from(each.is_some())).min(LONG);
    while (made.len() as u64) < least.min(most) {
        made.push(each.map_or(Json::Null, inside));
    }
    made
}

fn whole(schema: &Json) -> Json {
    let at = |name: &str| schema.get(name).and_then(Json::as_f64);
    let least = at("minimum").map(f64::ceil).or_else(|| at("exclusiveMinimum").map(|least| least.floor() + 1.0));
    let most = at("maximum").map(f64::floor).or_else(|| at("exclusiveMaximum").map(|most| most.ceil() - 1.0));
    let found = within(1.0, least, most);
    let step = at("multipleOf").filter(|step| *step > 0.0);
    let found = step.map_or(found, |step| (found / step).ceil() * step);
    // Every bound that anybody writes is exact in this.
    #[expect(clippy::cast_possible_truncation)]
    let whole = found as i64;
    json!(whole)
}

fn number(schema: &Json) -> Json {
    let at = |name: &str| schema.get(name).and_then(Json::as_f64);
    let (least, most) = (at("minimum"), at("maximum"));
    let least =
        least.or_else(|| at("exclusiveMinimum").map(|least| least + most.map_or(0.5, |most| (most - least) / 2.0)));
    let most =
        most.or_else(|| at("exclusiveMaximum").map(|most| most - least.map_or(0.5, |least| (most - least) / 2.0)));
    json!(within(1.5, least, most))
}

fn within(wanted: f64, least: Option<f64>, most: Option<f64>) -> f64 {
    let wanted = most.map_or(wanted, |most| wanted.min(most));
    least.map_or(wanted, |least| wanted.max(least))
}

fn text(schema: &Json) -> Json {
    let known = match schema.get("format").and_then(Json::as_str) {
        Some("date") => "2026-01-31",
        Some("date-time") => "2026-01-31T12:00:00Z",
        Some("time") => "12:00:00Z",
        Some("duration") => "PT1H",
        Some("email" | "idn-email") => "name@example.org",
        Some("hostname" | "idn-hostname") => "example.org",
        Some("uri" | "iri" | "uri-reference" | "iri-reference") => "https://example.org",
        Some("uuid") => "00000000-0000-4000-8000-000000000000",
        Some("ipv4") => "127.0.0.1",
        Some("ipv6") => "::1",
        Some("ipvanyaddress") => "127.0.0.1",
        _ => {
            let at = |name: &str| schema.get(name).and_then(Json::as_u64);
            let least = usize::try_from(at("minLength").unwrap_or(0).min(LONG)).unwrap_or(0);
            let most = usize::try_from(at("maxLength").unwrap_or(LONG)).unwrap_or(usize::MAX);
            return Json::String("text".chars().cycle().take(least.max(4).min(most)).collect());
        }
    };
    Json::String(known.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_fits_its_schema() {
        let model = json!({
            "$defs": { "Mood": { "enum": ["good", "bad"], "type": "string" } },
            "type": "object",
            "properties": {
                "ok": { "type": "boolean" }, "mood": { "$ref": "#/$defs/Mood" }, "n": { "type": "integer" },
                "note": { "anyOf": [{ "type": "string" }, { "type": "null" }] },
            },
            "required": ["ok", "mood", "note"],
        });
        let formats = ["date", "date-time", "time", "duration", "email", "hostname", "uri", "uuid", "ipv4", "ipv6"];
        let schemas = [
            json!({"type": "boolean"}),
            json!({"type": "array", "items": {"type": "number"}}),
            json!({"type": "array", "items": {"type": "string"}, "minItems": 3}),
            json!({"type": "array", "items": {"type": "string"}, "maxItems": 0}),
            json!({"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "minItems": 2, "maxItems": 2}),
            json!({"type": "integer", "exclusiveMinimum": 7}),
            json!({"type": "integer", "maximum": -3}),
            json!({"type": "integer", "minimum": 10, "multipleOf": 25}),
            json!({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}),
            json!({"type": "number", "exclusiveMinimum": 0, "maximum": 0.25}),
            json!({"type": "number", "maximum": -2.5}),
            json!({"type": "string", "minLength": 11}),
            json!({"type": "string", "maxLength": 2}),
            model,
        ];
        let formats = formats.map(|format| json!({"type": "string", "format": format}));
        for schema in schemas.into_iter().chain(formats) {
            let value = serde_json::from_str(&example(Some(&schema))).expect("JSON");
            assert_eq!(super::super::check_answer(Some(&schema), &value), None, "{schema}: {value}");
        }
        assert_eq!(example(None), "\"text\"");
    }
}
