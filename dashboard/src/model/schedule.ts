// A schedule in words. Pure.
import type { Schedule } from '../api/schema'
import { readInputs } from './inputs'
import type { Json } from './value'

export type Tick = Schedule['ticks'][number]

/** What a tick does while the execution of the one before is open. */
export const OVERLAPS = [
  { overlap: 'skip', word: 'skip', says: 'a tick is left out while the one before is open' },
  { overlap: 'queue', word: 'queue', says: 'a tick waits until the one before has ended' },
  { overlap: 'cancel', word: 'cancel', says: 'a tick cancels the one before, and begins when that has stopped' },
] as const satisfies { overlap: Schedule['overlap']; word: string; says: string }[]

/** What became of a tick: a word and the classes of its colour. */
export const FATES: Record<Tick['fate'], { word: string; look: string }> = {
  started: { word: 'started', look: 'bg-completed-fill text-completed' },
  queued: { word: 'queued', look: 'bg-waiting-fill text-waiting' },
  skipped: { word: 'left out', look: 'bg-cancelled-fill text-cancelled' },
  missed: { word: 'missed', look: 'bg-interrupted-fill text-interrupted' },
  failed: { word: 'could not begin', look: 'bg-failed-fill text-failed' },
}

/** A time of a zone's wall clock, `2026-12-01T06:30:00+01:00`, as `2026-12-01 06:30 +01:00`; seconds where there are some. */
export function wall(local: string): string {
  const parts = /^(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2})(?::(\d{2})(?:\.\d+)?)?(Z|[+-]\d{2}:?\d{2}(?::\d{2})?)?$/.exec(local)
  if (parts === null) return local
  const [, day, time, seconds, zone] = parts
  return `${day} ${time}${seconds === undefined || seconds === '00' ? '' : `:${seconds}`}${zone ? ` ${zone}` : ''}`
}

/** The label that its executions have. */
export const label = (name: string) => `schedule:${name}`

/** What a form for a schedule holds, as typed. */
export interface Typed {
  flow: string
  cron: string
  timezone: string
  name: string
  inputs: string
  tags: string
  overlap: Schedule['overlap']
  backfill: boolean
}

export interface Adding {
  flow: string
  cron: string
  timezone: string | null
  name: string | null
  inputs: Record<string, Json>
  tags: string[]
  overlap: Schedule['overlap']
  backfill: boolean
}

/** What is sent of it, or why its inputs are none. The server looks at the rest. */
export function addingOf(typed: Typed): Adding | { wrong: string } {
  const given = readInputs(typed.inputs.trim() === '' ? '{}' : typed.inputs)
  if ('error' in given) return { wrong: given.error }
  return {
    flow: typed.flow.trim(),
    cron: typed.cron.trim(),
    timezone: typed.timezone.trim() || null,
    name: typed.name.trim() || null,
    inputs: given.inputs,
    tags: listed(typed.tags),
    overlap: typed.overlap,
    backfill: typed.backfill,
  }
}

/** Labels with commas between them. */
export const listed = (text: string) =>
  text
    .split(',')
    .map(one => one.trim())
    .filter(Boolean)
