// What a flow's executions came to by day. Pure: the day that it is now is an argument.
import type { Statistics } from '../api/schema'
import { hasEnded } from './status'

export interface Day {
  /** Midnight in UTC, in seconds. */
  at: number
  /** As `2026-11-30`. */
  day: string
  executions: number
  failed: number
  /** Of those that have ended: how long they took on average and the longest, in milliseconds; none where none has. */
  mean: number | null
  longest: number | null
  cost: number
}

const DAY = 86_400

type Row = Statistics['items'][number]

/** Each of the last `days` days, those without executions too. */
export function trend(rows: Row[], days: number, now: number): Day[] {
  const today = Math.floor(now / 1000 / DAY) * DAY
  const all = Array.from({ length: days }, (_, back): Day => {
    const at = today - (days - 1 - back) * DAY
    const day = new Date(at * 1000).toISOString().slice(0, 10)
    return { at, day, executions: 0, failed: 0, mean: null, longest: null, cost: 0 }
  })
  const by = new Map(all.map(day => [day.day, { day, ended: 0, total: 0 }]))
  for (const row of rows) {
    const one = by.get(row.day)
    if (one === undefined) continue
    one.day.executions += row.executions
    one.day.cost += row.usage.cost_usd
    if (row.status === 'failed') one.day.failed += row.executions
    if (hasEnded(row.status)) {
      one.ended += row.executions
      one.total += row.total_ms
      one.day.longest = Math.max(one.day.longest ?? 0, row.longest_ms)
      one.day.mean = one.total / one.ended
    }
  }
  return all
}

export interface Sum {
  executions: number
  failed: number
  cost: number
}

export const sum = (days: Day[]): Sum =>
  days.reduce(
    (all, day) => ({
      executions: all.executions + day.executions,
      failed: all.failed + day.failed,
      cost: all.cost + day.cost,
    }),
    { executions: 0, failed: 0, cost: 0 },
  )

/** A part of a whole in hundredths, with a digit behind the point where it is small. */
export function share(part: number, whole: number): string {
  if (whole === 0 || part === 0) return '0 %'
  const hundredths = (part / whole) * 100
  return `${hundredths < 10 ? hundredths.toFixed(1) : Math.round(hundredths)} %`
}
