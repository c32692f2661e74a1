// What came of an act, for whatever screen one is on: above all, that something was recorded which nobody here carries
// on. Not here: how it looks (ui/Said).
import { useSyncExternalStore } from 'react'

interface Saying {
  text: string
  command: string | null
}

let said: Saying | null = null
const watchers = new Set<() => void>()

function put(next: Saying | null) {
  said = next
  for (const watcher of watchers) watcher()
}

/** Says who carries an execution on, as an answer's `goes_on` has it. */
export function sayWhoGoesOn(what: string, goesOn: string) {
  if (goesOn === 'worker' || goesOn === 'in-place') return put({ text: `${what}. It goes on.`, command: null })
  const [why = goesOn, command] = goesOn.split(/: (?=kitaru )/)
  const text = why === 'nobody here' ? 'Nobody here carries it on.' : `It stays: ${why}.`
  put({ text: `${what}. ${text}`, command: command ?? null })
}

export const saidNothing = () => put(null)

export function useSaid(): Saying | null {
  return useSyncExternalStore(
    watcher => {
      watchers.add(watcher)
      return () => watchers.delete(watcher)
    },
    () => said,
  )
}
