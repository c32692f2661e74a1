// What was consumed, as people read it. Pure.
import type { Usage } from '../api/schema'

/** US dollars, to the cent where that says something: `$0.0042`, `$1.20`; nothing for nothing. */
export function dollars(cost: number): string {
  if (cost === 0) return '$0'
  if (Math.abs(cost) < 0.1) return `$${cost.toPrecision(2)}`
  return `$${cost.toFixed(2)}`
}

/** A count, short: `950`, `12.3k`, `4.1M`. */
export function count(number: number): string {
  if (number < 1_000) return String(number)
  if (number < 1_000_000) return `${(number / 1_000).toFixed(number < 10_000 ? 1 : 0)}k`
  return `${(number / 1_000_000).toFixed(1)}M`
}

export const tokens = (usage: Usage) => usage.input_tokens + usage.output_tokens
