// The calls of an execution as lines of a waterfall: where they begin and end, what they are nested in, what is idle.
// Pure: the current time is an argument.
import type { CallInExecution } from '../api/schema'
import { type Axis, axis } from './axis'
import { depth } from './ids'
import { millis } from './time'

export interface Line {
  call: CallInExecution
  depth: number
  /** Milliseconds from the execution's begin. */
  from: number
  to: number
  /** Whether a replay was given it of its source, which made it before the replay began. */
  borrowed: boolean
}

export interface Waterfall {
  lines: Line[]
  axis: Axis
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
    return { call, depth: depth(call.key), from, to, borrowed: call.reused && from < 0 }
  })
  const length = lines.reduce((most, line) => Math.max(most, line.to), upto - zero)
  for (const line of lines) {
    line.from = Math.min(Math.max(line.from, 0), length)
    line.to = Math.min(Math.max(line.to, line.from), length)
  }
  const busy = lines.filter(line => !line.borrowed && !isIdle(line.call))
  return { lines: nested(lines), axis: axis(busy, length) }
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
