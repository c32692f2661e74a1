// Values that somebody edits in place, and what has to be set for the change: the smallest parts that differ, so that
// what is around them keeps its type. Pure.
import type { Json } from './value'

/** A field as it is typed: a text as itself, anything else as JSON. */
export interface Typed {
  text: string
  isText: boolean
}

export function typed(value: Json): Typed {
  const isText = typeof value === 'string'
  return { isText, text: isText ? value : JSON.stringify(value, null, 2) }
}

/** What was typed as a value; an error in words if it is none. */
export function read({ text, isText }: Typed): { value: Json } | { error: string } {
  if (isText) return { value: text }
  try {
    return { value: JSON.parse(text) as Json }
  } catch {
    return { error: 'This is not JSON. A text stands in double quotes.' }
  }
}

/** The names that a path can hold. */
const PLAIN = /^[^.[\]]+$/

/** What to set so that `before` becomes `after`: values by path. Nothing for no difference. */
export function changes(before: Json, after: Json, path: string): Record<string, Json> {
  if (same(before, after)) return {}
  if (Array.isArray(before) && Array.isArray(after) && before.length === after.length) {
    return merged(before.map((one, at) => changes(one, after[at] ?? null, `${path}[${at}]`)))
  }
  if (isObject(before) && isObject(after)) {
    const names = Object.keys(before)
    const alike = names.length === Object.keys(after).length && names.every(name => name in after && PLAIN.test(name))
    if (alike) return merged(names.map(name => changes(before[name] ?? null, after[name] ?? null, `${path}.${name}`)))
  }
  return { [path]: after }
}

const isObject = (value: Json): value is { [name: string]: Json } =>
  value !== null && typeof value === 'object' && !Array.isArray(value)

const merged = (all: Record<string, Json>[]): Record<string, Json> => Object.assign({}, ...all)

export function same(one: Json, other: Json): boolean {
  if (one === other) return true
  if (Array.isArray(one)) {
    return Array.isArray(other) && one.length === other.length && one.every((item, at) => same(item, other[at] ?? null))
  }
  if (!isObject(one) || !isObject(other)) return false
  const names = Object.keys(one)
  return (
    names.length === Object.keys(other).length &&
    names.every(name => name in other && same(one[name] ?? null, other[name] ?? null))
  )
}
