import { describe, expect, it } from 'vitest'
import type { CallInExecution } from '../api/schema'
import { ticks, waterfall } from './calls'

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
    const { lines, length } = waterfall([call('a', 1000, null)], at(1000), null, 4000)
    expect([lines[0]?.from, lines[0]?.to, length]).toEqual([0, 3000, 3000])
  })

  it('keeps what a replay was given inside the picture', () => {
    const { lines } = waterfall([call('a', 0, 10, { reused: true })], at(60_000), at(61_000), 0)
    expect(lines[0]).toMatchObject({ from: 0, to: 0 })
  })

  it('has few ticks, at round places', () => {
    expect(ticks(3_000, 5)).toEqual([0, 1000, 2000, 3000])
    for (const length of [1, 17, 999, 61_000, 5e6, 9e9]) expect(ticks(length, 5).length).toBeLessThanOrEqual(6)
  })
})
