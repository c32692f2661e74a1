// Times that stay true while they are looked at: one clock ticks for all of them.
import { useSyncExternalStore } from 'react'
import { ago, clock, millis, span } from '../model/time'

let now = Date.now()
let timer: ReturnType<typeof setInterval> | null = null
const watchers = new Set<() => void>()

function watch(watcher: () => void) {
  watchers.add(watcher)
  timer ??= setInterval(() => {
    now = Date.now()
    for (const one of watchers) one()
  }, 1_000)
  return () => {
    watchers.delete(watcher)
    if (watchers.size === 0 && timer !== null) {
      clearInterval(timer)
      timer = null
    }
  }
}

/** The time, to a second. */
export const useNow = () => useSyncExternalStore(watch, () => now)

export function Ago({ at }: { at: string }) {
  const now = useNow()
  return (
    <time dateTime={at} title={clock(millis(at))} className="num whitespace-nowrap">
      {ago(millis(at), now)}
    </time>
  )
}

/** How long something took, or has taken so far. */
export function Took({ from, to }: { from: string; to: string | null }) {
  const now = useNow()
  const end = to === null ? Math.max(now, millis(from)) : millis(to)
  return <span className="num whitespace-nowrap">{span(end - millis(from))}</span>
}
