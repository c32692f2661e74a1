// The calls of an execution as lines of a waterfall: where they begin and end, what they are nested in, what is idle.
// Pure: the current time is an argument.
import type { CallInExecution } from '../api/schema'
import { depth } from './ids'
import { millis } from './time'

export interface Line {
  call: CallInExecution
  depth: number
  /** Milliseconds from the execution's begin. */
  from: number
  to: number
}

export interface Waterfall {
  lines: Line[]
  /** Milliseconds that the picture spans. */
  length: number
}

const KEPT_OPEN = new Set(['running', 'waiting', 'retrying', 'parked', 'sleeping'])

/** Whether a call has not ended. */
export const isOpen = (call: CallInExecution) => call.ended_at === null && KEPT_OPEN.has(call.status)

/** What a call does that keeps a person or a clock busy, and no machine. */
export const isIdle = (call: CallInExecution) => call.kind === 'wait' || call.kind === 'sleep'

/**
 * Lines in the order of their begin, nested ones below what they are nested in. Calls that a replay was given of its
 * source ended before it began: they stand at its beginning, in their order.
 */
export function waterfall(calls: CallInExecution[], begun: string, ended: string | null, now: number): Waterfall {
  const zero = millis(begun)
  const upto = Math.max(ended === null ? now : millis(ended), zero + 1)
  const lines = calls.map(call => {
    const from = millis(call.started_at) - zero
    const to = call.ended_at === null ? upto - zero : millis(call.ended_at) - zero
    return { call, depth: depth(call.key), from, to }
  })
  const own = lines.filter(line => !line.call.reused)
  const length = Math.max(upto - zero, ...(own.length < 50_000 ? own.map(line => line.to) : [0]))
  for (const line of lines) {
    line.from = Math.min(Math.max(line.from, 0), length)
    line.to = Math.min(Math.max(line.to, line.from), length)
  }
  return { lines: nested(lines), length }
}

/** Each line after the one that it is nested in; else as they began. */
function nested(lines: Line[]): Line[] {
  if (lines.every(line => line.depth === 0)) return lines
  const below = new Map<string, Line[]>()
  const known = new Set(lines.map(line => line.call.key))
  for (const line of lines) {
    const key = line.call.key
    const above = key.slice(0, Math.max(0, key.lastIndexOf('/')))
    const place = known.has(above) ? above : ''
    const list = below.get(place)
    if (list === undefined) below.set(place, [line])
    else list.push(line)
  }
  const ordered: Line[] = []
  const put = (place: string) => {
    for (const line of below.get(place) ?? []) {
      ordered.push(line)
      put(line.call.key)
    }
  }
  put('')
  return ordered
}

/** Round places for a time axis: at most `most` of them, from 0 on. */
export function ticks(length: number, most: number): number[] {
  const steps = [1, 2, 5, 10, 20, 50, 100, 200, 500].concat(
    [1, 2, 5, 10, 15, 30].map(s => s * 1_000),
    [1, 2, 5, 10, 15, 30].map(m => m * 60_000),
    [1, 2, 4, 6, 12].map(h => h * 3_600_000),
    [1, 2, 5, 10, 30, 100, 365].map(d => d * 86_400_000),
  )
  const step = steps.find(one => length / one <= most) ?? length
  return Array.from({ length: Math.floor(length / step) + 1 }, (_, at) => at * step)
}
