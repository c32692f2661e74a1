// A JSON Schema as fields of a form. What has no field of its own is typed as JSON, so that every question can be
// answered; the server validates all of it again. Pure.
import type { Json } from './value'

export interface Schema {
  [word: string]: unknown
}

export type Field =
  | { kind: 'boolean' }
  | { kind: 'choice'; options: Json[] }
  | { kind: 'number'; whole: boolean; min: number | undefined; max: number | undefined }
  | { kind: 'text'; long: boolean; most: number | undefined; format: string | undefined }
  | { kind: 'list'; item: Schema; most: number | undefined }
  | { kind: 'object'; fields: Named[] }
  | { kind: 'nothing' }
  | { kind: 'json' }

export interface Named {
  name: string
  label: string
  says: string | undefined
  required: boolean
  schema: Schema
}

/** What was typed that is no value yet. */
export class Unfinished {
  constructor(
    readonly text: string,
    readonly why: string,
  ) {}
}

/** What a form holds: values, and what is no value yet; `undefined` for what is left out. */
export type Draft = Json | undefined | Unfinished | Draft[] | { [name: string]: Draft }

const isSchema = (value: unknown): value is Schema =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** A schema without `$ref`, `allOf` of one, and the alternative `null`; what is around them is kept. */
export function resolved(schema: Schema, root: Schema, depth = 0): Schema {
  if (depth > 20) return {}
  const { $ref, ...rest } = schema
  if (typeof $ref === 'string') {
    const parts = $ref.replace(/^#\/?/, '').split('/').filter(Boolean)
    let at: unknown = root
    for (const part of parts) {
      at = isSchema(at) ? at[part.replaceAll('~1', '/').replaceAll('~0', '~')] : undefined
    }
    return isSchema(at) && at !== schema ? resolved({ ...at, ...rest }, root, depth + 1) : rest
  }
  for (const word of ['allOf', 'anyOf', 'oneOf']) {
    const all = schema[word]
    if (!Array.isArray(all)) continue
    const left = all.filter(isSchema).filter(one => word === 'allOf' || one.type !== 'null')
    const only = left[0]
    if (left.length === 1 && only) {
      const { [word]: _, ...around } = schema
      return resolved({ ...only, ...around }, root, depth + 1)
    }
  }
  return schema
}

/** Which field a schema asks for. */
export function fieldOf(given: Schema, root: Schema): Field {
  const schema = resolved(given, root)
  if ('const' in schema) return { kind: 'choice', options: [schema.const as Json] }
  if (Array.isArray(schema.enum)) return { kind: 'choice', options: schema.enum as Json[] }
  const types = Array.isArray(schema.type) ? schema.type.filter(type => type !== 'null') : [schema.type]
  if (types.length !== 1) return { kind: 'json' }
  switch (types[0]) {
    case 'boolean':
      return { kind: 'boolean' }
    case 'integer':
    case 'number': {
      const min = numberOf(schema.minimum ?? schema.exclusiveMinimum)
      const max = numberOf(schema.maximum ?? schema.exclusiveMaximum)
      return { kind: 'number', whole: types[0] === 'integer', min, max }
    }
    case 'string': {
      const most = numberOf(schema.maxLength)
      const format = typeof schema.format === 'string' ? schema.format : undefined
      return { kind: 'text', long: format === undefined && (most === undefined || most > 80), most, format }
    }
    case 'array':
      return isSchema(schema.items) && schema.prefixItems === undefined
        ? { kind: 'list', item: schema.items, most: numberOf(schema.maxItems) }
        : { kind: 'json' }
    case 'object': {
      if (!isSchema(schema.properties)) return { kind: 'json' }
      const required = new Set(Array.isArray(schema.required) ? schema.required : [])
      const fields = Object.entries(schema.properties).filter((entry): entry is [string, Schema] => isSchema(entry[1]))
      return { kind: 'object', fields: fields.map(([name, one]) => named(name, one, root, required.has(name))) }
    }
    case 'null':
      return { kind: 'nothing' }
    default:
      return { kind: 'json' }
  }
}

function named(name: string, schema: Schema, root: Schema, required: boolean): Named {
  const { title, description } = resolved(schema, root)
  const label = typeof title === 'string' && title !== '' ? title : name
  return { name, label, says: typeof description === 'string' ? description : undefined, required, schema }
}

const numberOf = (value: unknown) => (typeof value === 'number' ? value : undefined)

/** What a form begins with: defaults; nothing that somebody has not chosen. */
export function beginning(given: Schema, root: Schema): Draft {
  const schema = resolved(given, root)
  if ('default' in schema) return schema.default as Json
  const field = fieldOf(schema, root)
  switch (field.kind) {
    case 'object':
      return Object.fromEntries(
        field.fields.map(one => [
          one.name,
          one.required || hasDefault(one.schema, root) ? beginning(one.schema, root) : undefined,
        ]),
      )
    case 'list':
      return []
    case 'nothing':
      return null
    case 'choice':
      return field.options.length === 1 ? field.options[0] : undefined
    default:
      return undefined
  }
}

const hasDefault = (schema: Schema, root: Schema) => 'default' in resolved(schema, root)

/** Why a form cannot be sent yet: a sentence by path. The paths are those of the server: `/verdict`, `/sources/0`. */
export type Wrongs = Record<string, string>

/** The value that a form holds, or what is wrong with it. */
export function finish(draft: Draft, given: Schema, root: Schema): { value: Json } | { wrongs: Wrongs } {
  const wrongs: Wrongs = {}
  const value = walk(draft, given, root, '', wrongs)
  return Object.keys(wrongs).length > 0 ? { wrongs } : { value: value ?? null }
}

function walk(draft: Draft, given: Schema, root: Schema, path: string, wrongs: Wrongs): Json | undefined {
  if (draft instanceof Unfinished) {
    wrongs[path] = draft.why
    return undefined
  }
  const field = fieldOf(given, root)
  if (draft === undefined) {
    // An empty text is a text.
    if (field.kind === 'text') return ''
    wrongs[path] = field.kind === 'boolean' || field.kind === 'choice' ? 'Choose one.' : 'Something is missing here.'
    return undefined
  }
  if (field.kind === 'object' && isDraftObject(draft)) {
    const value: { [name: string]: Json } = {}
    for (const one of field.fields) {
      const inside = draft[one.name]
      if (inside === undefined && !one.required) continue
      const got = walk(inside, one.schema, root, `${path}/${one.name}`, wrongs)
      if (got !== undefined) value[one.name] = got
    }
    return value
  }
  if (field.kind === 'list' && Array.isArray(draft)) {
    return draft.map((one, at) => walk(one, field.item, root, `${path}/${at}`, wrongs) ?? null)
  }
  return draft as Json
}

export const isDraftObject = (draft: Draft): draft is { [name: string]: Draft } =>
  typeof draft === 'object' && draft !== null && !Array.isArray(draft) && !(draft instanceof Unfinished)
