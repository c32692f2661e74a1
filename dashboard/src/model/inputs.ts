// Inputs as somebody types them: a JSON object, with no number that would come out as another. Pure.
import { exact } from '../api/exact'
import type { Json } from './value'

/** Inputs as text to begin with. A whole number of more digits than are exact here stands as its digits. */
export function asText(inputs: Json): string {
  const text = JSON.stringify(inputs ?? {}, null, 2)
  return text.replace(/\{\s*"\$kitaru":\s*"int",\s*"v":\s*"(-?\d+)"\s*\}/g, '$1')
}

export function readInputs(text: string): { inputs: Record<string, Json> } | { error: string } {
  let value: Json
  try {
    value = JSON.parse(text) as Json
  } catch (wrong) {
    return { error: `This is not JSON: ${(wrong as Error).message}` }
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    return { error: 'Inputs are an object: {"name": value}.' }
  }
  if (exact(text) !== text) {
    return { error: 'A whole number has more digits than are exact in a browser: start it from a terminal.' }
  }
  return { inputs: value }
}
