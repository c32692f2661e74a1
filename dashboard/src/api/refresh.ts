// Brings what is shown up to date when something has happened: asks again for what an event touches, no more often
// than an answer takes, and once more when something happened meanwhile.
import type { QueryClient, QueryKey } from '@tanstack/react-query'
import { type Happened, onEvent, onReset } from './live'

const SOONEST = 250

interface Pending {
  key: QueryKey
  timer: ReturnType<typeof setTimeout> | null
  busy: boolean
  again: boolean
  took: number
}

/** Starts it. Returns what ends it. */
export function keepFresh(client: QueryClient): () => void {
  const pending = new Map<string, Pending>()

  const run = async (one: Pending) => {
    one.timer = null
    one.busy = true
    const begun = performance.now()
    await client.invalidateQueries({ queryKey: one.key }, { cancelRefetch: false }).catch(() => undefined)
    one.took = performance.now() - begun
    one.busy = false
    if (one.again) {
      one.again = false
      plan(one)
    }
  }

  const plan = (one: Pending) => {
    // A large execution takes long to read: it is read less often.
    one.timer ??= setTimeout(() => void run(one), Math.max(SOONEST, one.took * 3))
  }

  const touch = (key: QueryKey) => {
    const name = JSON.stringify(key)
    const one = pending.get(name) ?? { key, timer: null, busy: false, again: false, took: 0 }
    pending.set(name, one)
    if (one.busy) one.again = true
    else plan(one)
  }

  const hear = ({ kind, execution, data }: Happened) => {
    if (execution === null) return
    if (kind === 'log') {
      touch(['logs', execution])
      return
    }
    touch(['execution', execution])
    const what = typeof data.kind === 'string' ? data.kind : kind
    if (what.startsWith('wait_') || kind === 'status' || kind === 'deleted') touch(['waits'])
    if (kind === 'status' || kind === 'deleted' || what === 'created') {
      touch(['executions'])
      touch(['overview'])
    }
  }

  const ends = [onEvent(hear), onReset(() => void client.invalidateQueries())]
  return () => {
    for (const end of ends) end()
    for (const one of pending.values()) if (one.timer !== null) clearTimeout(one.timer)
  }
}
