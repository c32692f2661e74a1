//! `GET /api/v1/openapi.json`: what the API is, for programs (OpenAPI 3.1), made of the routes themselves.
//!
//! What is sent is described by the types that read it; what is answered by `answers.json`, which the tests hold
//! against every answer that they get. Not here: any route.

use crate::route::{Answers, Route};
use axum::http::Method;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

const ANSWERS: &str = include_str!("answers.json");

/// The document of these routes.
pub fn document(routes: &[Route]) -> Result<Value, serde_json::Error> {
    let components: Value = serde_json::from_str(ANSWERS)?;
    let mut paths = Map::new();
    for route in routes {
        let path = route.path.replace("{*", "{");
        let methods = paths.entry(format!("/api/v1{path}")).or_insert_with(|| json!({}));
        methods[route.method.as_str().to_lowercase()] = operation(route);
    }
    Ok(json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Kitaru",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Executions of agents that can be looked at, answered, resumed, replayed and compared.",
            "description": DESCRIPTION,
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "security": [{}, { "token": [] }],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
        },
    }))
}

const DESCRIPTION: &str = "Times are ISO 8601 in UTC. An execution is named by its identifier, a unique beginning \
or end of it, or `latest`. Lists are pages: `next`, where it is not null, goes as `cursor` into the next request. \
Whatever is refused is a problem document (RFC 9457) with a `code`, which `kitaru explain CODE` explains. Changes are \
sent as application/json.";

fn operation(route: &Route) -> Value {
    let mut parameters: Vec<Value> = path_parameters(route.path).collect();
    if let Some(query) = route.query {
        parameters.extend(query_parameters(&schema(query)));
    }
    if route.keyed {
        parameters.push(json!({
            "name": "Idempotency-Key", "in": "header", "required": false,
            "description": "Sent again with the same key, the request is done once and answered alike.",
            "schema": { "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$" },
        }));
    }
    if route.answers == Answers::Events {
        parameters.push(json!({
            "name": "Last-Event-ID", "in": "header", "required": false,
            "description": "The id of the last event that was read: the stream goes on after it.",
            "schema": { "type": "string" },
        }));
    }
    let content = match route.answers {
        Answers::Json(component) => json!({
            "application/json": { "schema": { "$ref": format!("#/components/schemas/{component}") } }
        }),
        Answers::Bytes => json!({ "*/*": {} }),
        Answers::Events => json!({ "text/event-stream": { "schema": { "type": "string" } } }),
    };
    let mut operation = json!({
        "operationId": route.name,
        "summary": route.says,
        "description": format!("Scope: {}.", route.scope.as_str()),
        "x-scope": route.scope.as_str(),
        "parameters": parameters,
        "responses": {
            route.status.as_str(): { "description": "Done.", "content": content },
            "default": {
                "description": "Refused.",
                "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
            },
        },
    });
    if let Some(body) = route.body {
        operation["requestBody"] = json!({
            "required": true,
            "content": { "application/json": { "schema": schema(body) } },
        });
    } else if route.method == Method::POST {
        operation["requestBody"] = json!({
            "required": true,
            "content": { "application/json": { "schema": { "type": "object", "maxProperties": 0 } } },
        });
    }
    operation
}

fn schema(describe: crate::route::Describe) -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema = describe(&mut settings.into_generator()).to_value();
    if let Some(fields) = schema.as_object_mut() {
        fields.remove("title");
        fields.remove("$schema");
    }
    schema
}

fn path_parameters(path: &'static str) -> impl Iterator<Item = Value> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).map(|name| {
        json!({
            "name": name.trim_start_matches('*'), "in": "path", "required": true,
            "schema": { "type": "string", "minLength": 1 },
        })
    })
}

fn query_parameters(schema: &Value) -> Vec<Value> {
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let fields = schema["properties"].as_object().cloned().unwrap_or_default();
    let parameter = |(name, mut schema): (String, Value)| {
        let description = schema.as_object_mut().and_then(|fields| fields.remove("description"));
        json!({
            "name": name, "in": "query", "required": required.contains(&Value::from(name.as_str())),
            "description": description.unwrap_or_default(), "schema": schema,
        })
    };
    fields.into_iter().map(parameter).collect()
}
