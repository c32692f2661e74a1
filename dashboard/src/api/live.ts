// What happens, as it happens: the one stream of events that a tab follows, and whether it is connected.
// A cut is mended by asking again behind the last event, so nothing is missed. Not here: what is done about an event
// (refresh.ts).
import { useSyncExternalStore } from 'react'
import { credentials, refusal } from './client'
import { parser, type Sent } from './stream'

export type Link = 'connecting' | 'live' | 'lost' | 'refused'

export interface Happened {
  kind: string
  execution: string | null
  data: Record<string, unknown>
}

type Listener = (happened: Happened) => void

const SLOWEST = 10_000
/** The server sends a sign of life each 15 s; a link that is silent for longer is dead, whatever TCP believes. */
const SILENCE = 40_000

let link: Link = 'connecting'
let last: string | null = null
let running: AbortController | null = null
const listeners = new Set<Listener>()
const watchers = new Set<() => void>()
const resets = new Set<() => void>()

function become(next: Link) {
  if (link === next) return
  link = next
  for (const watcher of watchers) watcher()
}

/** Whether the page is told what happens. */
export function useLink(): Link {
  return useSyncExternalStore(
    watcher => {
      watchers.add(watcher)
      return () => watchers.delete(watcher)
    },
    () => link,
  )
}

export function onEvent(listener: Listener): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

/** Called when what came before is not known any more: all that is shown is to be asked for anew. */
export function onReset(listener: () => void): () => void {
  resets.add(listener)
  return () => resets.delete(listener)
}

/** Follows until [`stop`]. Called again, it begins anew: with another token, say. */
export function follow() {
  stop()
  running = new AbortController()
  void keepFollowing(running.signal)
}

export function stop() {
  running?.abort()
  running = null
}

async function keepFollowing(signal: AbortSignal) {
  let pause = 0
  while (!signal.aborted) {
    const begun = Date.now()
    try {
      await read(signal)
    } catch (error) {
      if (signal.aborted) return
      const status = (error as { status?: number }).status ?? 0
      if (status === 401 || status === 403) {
        become('refused')
        return
      }
      if (status === 400) {
        // The place is none of this store's: it is another store now.
        last = null
        for (const reset of resets) reset()
      }
    }
    if (signal.aborted) return
    become('lost')
    pause = Date.now() - begun > SLOWEST ? 0 : Math.min(SLOWEST, pause * 2 + 250)
    await new Promise<void>(resume => {
      const timer = setTimeout(resume, pause)
      const now = () => {
        clearTimeout(timer)
        resume()
      }
      window.addEventListener('online', now, { once: true })
      signal.addEventListener('abort', now, { once: true })
    })
  }
}

async function read(signal: AbortSignal) {
  const cut = new AbortController()
  const ended = AbortSignal.any([signal, cut.signal])
  const headers: Record<string, string> = { Accept: 'text/event-stream', ...credentials() }
  if (last !== null) headers['Last-Event-ID'] = last
  const response = await fetch('/api/v1/events?brief=true', { headers, signal: ended, cache: 'no-store' })
  if (!response.ok || response.body === null) {
    throw refusal(response.status, await response.json().catch(() => null))
  }
  const first = last === null
  const parse = parser()
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
  become('live')
  // What happened between the first look at a list and the beginning of the stream is in neither.
  if (first) for (const reset of resets) reset()
  let silent = setTimeout(() => cut.abort(), SILENCE)
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      clearTimeout(silent)
      silent = setTimeout(() => cut.abort(), SILENCE)
      for (const sent of parse(value)) tell(sent)
    }
  } finally {
    clearTimeout(silent)
    cut.abort()
  }
}

function tell(sent: Sent) {
  if (sent.id !== null && sent.id !== '') last = sent.id
  if (sent.event === 'reset') {
    // What came before is forgotten there, and was missed here.
    for (const reset of resets) reset()
    return
  }
  if (sent.data === '') return
  const data = JSON.parse(sent.data) as Record<string, unknown>
  const execution = typeof data.execution === 'string' ? data.execution : null
  for (const listener of listeners) listener({ kind: sent.event, execution, data })
}
