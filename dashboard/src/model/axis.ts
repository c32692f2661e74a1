// A time axis on which work is seen: long times in which nothing runs (a question that is open over night, a sleep, a
// process that was gone) are drawn short and named. Pure.

export interface Stretch {
  /** Milliseconds. */
  from: number
  to: number
  /** Shares of the width, from 0 to 1. */
  left: number
  right: number
  idle: boolean
}

export interface Axis {
  stretches: Stretch[]
  /** The share of the width at which a time stands. */
  at: (time: number) => number
}

/** How wide a shortened stretch is, of the whole width. */
const NARROW = 0.07
/** A time without work is shortened if it is longer than this share of all work. */
const LONG = 0.5
/** At most so many are shortened; with more of them nothing would be left for work. */
const MOST = 6

/** `busy`: when something ran, in any order. */
export function axis(busy: { from: number; to: number }[], length: number): Axis {
  const gaps = gapsOf(busy, length)
  const work = length - gaps.reduce((sum, gap) => sum + gap.to - gap.from, 0)
  const shortened = gaps
    .filter(gap => gap.to - gap.from > Math.max(work * LONG, 1))
    .toSorted((one, other) => other.to - other.from - (one.to - one.from))
    .slice(0, MOST)
    .toSorted((one, other) => one.from - other.from)
  const idle = shortened.reduce((sum, gap) => sum + gap.to - gap.from, 0)
  const shown = Math.max(length - idle, 0)
  const width = shown === 0 ? 1 / Math.max(shortened.length, 1) : NARROW
  const rest = 1 - width * shortened.length
  const stretches: Stretch[] = []
  let time = 0
  let left = 0
  const put = (to: number, share: number, isIdle: boolean) => {
    stretches.push({ from: time, to, left, right: left + share, idle: isIdle })
    time = to
    left += share
  }
  for (const gap of shortened) {
    if (gap.from > time) put(gap.from, ((gap.from - time) / shown) * rest, false)
    put(gap.to, width, true)
  }
  if (length > time || stretches.length === 0) put(length, 1 - left, false)
  return { stretches, at: time => shareAt(stretches, time) }
}

function shareAt(stretches: Stretch[], time: number): number {
  const found = stretches.find(one => time <= one.to) ?? stretches.at(-1)
  if (found === undefined) return 0
  const length = found.to - found.from
  const part = length <= 0 ? 0 : Math.min(1, Math.max(0, (time - found.from) / length))
  return found.left + part * (found.right - found.left)
}

/** Times within `length` in which nothing ran. */
function gapsOf(busy: { from: number; to: number }[], length: number): { from: number; to: number }[] {
  const gaps: { from: number; to: number }[] = []
  let upto = 0
  for (const one of busy.toSorted((one, other) => one.from - other.from)) {
    if (one.from > upto) gaps.push({ from: upto, to: one.from })
    upto = Math.max(upto, one.to)
  }
  if (length > upto) gaps.push({ from: upto, to: length })
  return gaps
}

const STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500].concat(
  [1, 2, 5, 10, 15, 30].map(s => s * 1_000),
  [1, 2, 5, 10, 15, 30].map(m => m * 60_000),
  [1, 2, 4, 6, 12].map(h => h * 3_600_000),
  [1, 2, 5, 10, 30, 100, 365].map(d => d * 86_400_000),
)

/** Round times to write along the axis, no closer than `apart` of the width, none in what is shortened. */
export function ticks({ stretches, at }: Axis, apart: number): number[] {
  const plain = stretches.filter(one => !one.idle)
  const rate = Math.max(...plain.map(one => (one.to - one.from) / (one.right - one.left)), 1)
  const step = STEPS.find(one => one >= rate * apart) ?? rate * apart
  const found: number[] = []
  for (const one of plain) {
    for (let time = Math.ceil(one.from / step) * step; time <= one.to; time += step) {
      const near = found.at(-1)
      const fits = at(time) + apart * 0.4 <= one.right || one.right > 0.999
      if (fits && (near === undefined || at(time) - at(near) >= apart)) found.push(time)
    }
  }
  return found
}
