// Two executions beside each other: which rows of the comparison are shown, and what stands in their totals. Pure.
import type { DiffCall, DiffExecution } from '../api/schema'
import { count, dollars, tokens } from './money'
import { span } from './time'

export type Verdict = 'reused' | 'same' | 'changed' | 'added' | 'removed'

export interface Sign {
  sign: string
  word: string
  /** The classes of its sign; whole words, so that they are found when the styles are made. */
  look: string
}

export const VERDICTS: Record<Verdict, Sign> = {
  reused: { sign: '=', word: 'reused', look: 'text-soft bg-sunk' },
  same: { sign: '=', word: 'same', look: 'text-soft bg-sunk' },
  changed: { sign: '≠', word: 'changed', look: 'text-waiting bg-waiting-fill' },
  added: { sign: '+', word: 'added', look: 'text-completed bg-completed-fill' },
  removed: { sign: '−', word: 'removed', look: 'text-failed bg-failed-fill' },
}

export const signOf = (verdict: string | null | undefined): Sign | null =>
  verdict != null && Object.hasOwn(VERDICTS, verdict) ? VERDICTS[verdict as Verdict] : null

/** Whether two executions part at a call. */
export const differs = (verdict: string | null | undefined) =>
  verdict === 'changed' || verdict === 'added' || verdict === 'removed'

/** Whether anything of a row is to be seen by who looks for differences: also other code and another place. */
export const isWorthwhile = (call: DiffCall) =>
  differs(call.verdict) || call.moved === true || (call.verdicts ?? []).some(differs)

export interface Total {
  name: string
  values: string[]
  /** The second less the first; nothing where they are equal. */
  difference: string
  /** Whether the second is less. */
  less: boolean
}

/** What two executions came to. Its own is what an execution did itself: no more was spent on it. */
export function totals(first: DiffExecution, second: DiffExecution): Total[] {
  const row = (name: string, of: (one: DiffExecution) => number, show: (number: number) => string): Total => {
    const [a, b] = [of(first), of(second)]
    const [less, difference] = [b < a, show(Math.abs(b - a))]
    return { name, values: [show(a), show(b)], difference: a === b ? '' : `${less ? '−' : '+'}${difference}`, less }
  }
  const whole = (number: number) => number.toLocaleString('en')
  return [
    row('Calls', one => one.calls, whole),
    row('Reused', one => one.reused, whole),
    row('Tries', one => one.attempts, whole),
    row('Time in calls', one => one.ms, span),
    row('Its own', one => one.ran_ms, span),
    row('Tokens', one => tokens(one.usage), count),
    row('Cost', one => one.usage.cost_usd, dollars),
    row('Its own', one => one.spent.cost_usd, dollars),
  ]
}
