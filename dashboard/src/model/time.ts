// Times and spans as people read them. Pure: the current time is an argument.

export const millis = (iso: string) => Date.parse(iso)

/** A span: `840 ms`, `4.2 s`, `3 min 20 s`, `5 h 12 min`, `3 d 4 h`. */
export function span(ms: number): string {
  if (ms < 0) return '0 ms'
  if (ms < 1_000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1_000).toFixed(ms < 10_000 ? 1 : 0)} s`
  const minutes = Math.floor(ms / 60_000)
  if (minutes < 60) return joined(minutes, 'min', Math.floor((ms % 60_000) / 1_000), 's')
  const hours = Math.floor(minutes / 60)
  if (hours < 48) return joined(hours, 'h', minutes % 60, 'min')
  return joined(Math.floor(hours / 24), 'd', hours % 24, 'h')
}

function joined(big: number, unit: string, small: number, part: string): string {
  return small === 0 ? `${big} ${unit}` : `${big} ${unit} ${small} ${part}`
}

/** How long ago, in one unit: `now`, `12 s ago`, `3 h ago`, `in 5 min`. */
export function ago(at: number, now: number): string {
  const passed = now - at
  const length = Math.abs(passed)
  if (length < 2_000) return 'now'
  const units: [number, string][] = [
    [86_400_000, 'd'],
    [3_600_000, 'h'],
    [60_000, 'min'],
    [1_000, 's'],
  ]
  const [size, unit] = units.find(([size]) => length >= size) ?? [1_000, 's']
  const text = `${Math.floor(length / size)} ${unit}`
  return passed >= 0 ? `${text} ago` : `in ${text}`
}

/** A point in time in the reader's zone, to the second. */
export function clock(at: number): string {
  return new Date(at).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'medium' })
}
