import { describe, expect, it } from 'vitest'
import type { CallInExecution } from '../api/schema'
import { axis, ticks } from './axis'
import { waterfall } from './calls'

const at = (ms: number) => new Date(ms).toISOString()
const call = (key: string, from: number, to: number | null, part: Partial<CallInExecution> = {}): CallInExecution => ({
  key,
  name: key,
  kind: 'checkpoint',
  status: to === null ? 'running' : 'completed',
  step: 1,
  record: 1,
  attempts: 1,
  by_hand: [],
  reused: false,
  started_at: at(from),
  ended_at: to === null ? null : at(to),
  usage: { cost_usd: 0, input_tokens: 0, output_tokens: 0 },
  ...part,
})

describe('a waterfall', () => {
  it('puts what is nested below what it is nested in', () => {
    const calls = [call('a', 1000, 5000), call('b', 1500, 2000), call('a/x', 1200, 1300), call('a/x/y', 1210, 1220)]
    const { lines } = waterfall(calls, at(1000), at(5000), 9000)
    expect(lines.map(line => `${line.depth} ${line.call.key}`)).toEqual(['0 a', '1 a/x', '2 a/x/y', '0 b'])
  })

  it('draws what has not ended up to now', () => {
    const made = waterfall([call('a', 1000, null)], at(1000), null, 4000)
    expect([made.lines[0]?.from, made.lines[0]?.to, made.axis.at(3000)]).toEqual([0, 3000, 1])
  })

  it('keeps what a replay was given inside the picture', () => {
    const { lines } = waterfall([call('a', 0, 10, { reused: true })], at(60_000), at(61_000), 0)
    expect(lines[0]).toMatchObject({ from: 0, to: 0, borrowed: true })
  })

  it('takes what an execution was not paid for twice for its own', () => {
    const { lines } = waterfall([call('a', 1000, 2000, { reused: true })], at(1000), at(5000), 0)
    expect(lines[0]).toMatchObject({ from: 0, to: 1000, borrowed: false })
  })
})

describe('an axis', () => {
  const hour = 3_600_000

  it('is even where something runs all the time', () => {
    const { stretches, at } = axis([{ from: 0, to: 3000 }], 3000)
    expect([stretches.length, at(0), at(1500), at(3000)]).toEqual([1, 0, 0.5, 1])
  })

  it('draws a night short, and the work around it in proportion', () => {
    const { stretches, at } = axis(
      [
        { from: 8 * hour + 1000, to: 8 * hour + 4000 },
        { from: 0, to: 1000 },
      ],
      8 * hour + 4000,
    )
    expect(stretches.map(one => one.idle)).toEqual([false, true, false])
    const [before, night, after] = stretches.map(one => one.right - one.left)
    expect(night).toBeLessThan(0.1)
    expect(after).toBeCloseTo((before ?? 0) * 3)
    expect(at(8 * hour + 4000)).toBeCloseTo(1)
  })

  it('never runs backwards, whatever the calls', () => {
    let seed = 7
    const random = (most: number) => {
      seed = (seed * 48_271) % 2_147_483_647
      return seed % most
    }
    for (let round = 0; round < 300; round += 1) {
      const busy = Array.from({ length: random(6) }, () => {
        const from = random(10_000)
        return { from, to: from + random(500) }
      })
      const length = Math.max(1, ...busy.map(one => one.to)) + random(5_000)
      const { at, stretches } = axis(busy, length)
      const places = Array.from({ length: 50 }, (_, step) => at((length * step) / 49))
      expect(places.every((place, step) => step === 0 || place >= (places[step - 1] ?? 0) - 1e-9)).toBe(true)
      expect(places[0]).toBeCloseTo(0)
      expect(places.at(-1)).toBeCloseTo(1)
      expect(stretches.every(one => one.right >= one.left)).toBe(true)
    }
  })

  it('has few ticks, apart, at round times, and none where time is short', () => {
    expect(ticks(axis([{ from: 0, to: 3000 }], 3000), 0.18)).toEqual([0, 1000, 2000, 3000])
    for (const length of [1, 17, 999, 61_000, 5e6, 9e9]) {
      const even = axis([{ from: 0, to: length }], length)
      const places = ticks(even, 0.18).map(even.at)
      expect(places.length).toBeLessThanOrEqual(6)
      expect(places.every((place, step) => step === 0 || place - (places[step - 1] ?? 0) >= 0.18)).toBe(true)
    }
    const night = axis([{ from: 0, to: 1000 }], 8 * hour)
    expect(ticks(night, 0.18).every(tick => tick <= 1000)).toBe(true)
  })
})
