// Why a paused execution is paused, as recorded. Pure.
import type { Execution } from '../api/schema'

export type PauseKind =
  | 'drift'
  | 'in_doubt'
  | 'volatile'
  | 'mutated_argument'
  | 'wait_changed'
  | 'race_diverged'
  | 'no_progress'
  | 'retries_exhausted'
  | 'breakpoint'

export interface Pause {
  kind: PauseKind
  fields: Record<string, unknown>
}

/** None for one that is not paused, or that somebody has asked to pause. */
export function pauseOf({ status, reason }: Execution): Pause | null {
  const pause = (reason as { pause?: unknown } | null)?.pause
  if (status !== 'paused' || typeof pause !== 'object' || pause === null) return null
  const [entry] = Object.entries(pause as Record<string, Record<string, unknown>>)
  return entry === undefined ? null : { kind: entry[0] as PauseKind, fields: entry[1] }
}
