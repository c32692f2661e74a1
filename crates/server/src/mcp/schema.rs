//! The schema of a tool's arguments, as every client can read it: no references, no alternatives with null, no
//! formats that only Rust knows.

use rmcp::model::JsonObject;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

/// The schema of a type's object.
pub fn of<T: JsonSchema>() -> JsonObject {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    plain(&mut schema);
    let mut fields = match schema {
        Value::Object(fields) => fields,
        _ => JsonObject::new(),
    };
    fields.shift_remove("title");
    fields.shift_remove("description");
    fields.entry("properties").or_insert_with(|| Value::Object(JsonObject::new()));
    fields
}

fn plain(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if fields.get("default").is_some_and(Value::is_null) {
                fields.shift_remove("default");
            }
            if fields.get("format").and_then(Value::as_str).is_some_and(|format| format.contains("int")) {
                fields.shift_remove("format");
            }
            if let Some(Value::Array(kinds)) = fields.get_mut("type") {
                kinds.retain(|kind| kind != "null");
                if let [one] = kinds.as_slice() {
                    let one = one.clone();
                    fields.insert("type".to_owned(), one);
                }
            }
            if let Some(Value::Array(ways)) = fields.get_mut("anyOf") {
                ways.retain(|way| way.get("type").is_none_or(|kind| kind != "null"));
                if let [Value::Object(one)] = ways.as_slice() {
                    let one = one.clone();
                    fields.shift_remove("anyOf");
                    for (name, value) in one {
                        // What the field says of itself comes before what its type says.
                        fields.entry(name).or_insert(value);
                    }
                }
            }
            // A list of words, each with a sentence of its own, as an enumeration.
            let words: Option<Vec<Value>> = fields
                .get("oneOf")
                .and_then(Value::as_array)
                .and_then(|ways| ways.iter().map(|way| way.get("const").cloned()).collect());
            if let Some(words) = words {
                fields.shift_remove("oneOf");
                fields.insert("type".to_owned(), "string".into());
                fields.insert("enum".to_owned(), Value::Array(words));
            }
            fields.values_mut().for_each(plain);
        }
        Value::Array(items) => items.iter_mut().for_each(plain),
        _ => {}
    }
}
