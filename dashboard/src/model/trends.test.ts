import { describe, expect, it } from 'vitest'
import { share, sum, trend } from './trends'

const usage = { cost_usd: 0.5, input_tokens: 0, output_tokens: 0 }
const now = Date.parse('2026-11-30T23:59:00Z')
const row = { flow: 'f', executions: 2, total_ms: 100, longest_ms: 90, usage }

describe('days', () => {
  it('are all there, today the last', () => {
    const days = trend([], 3, now)
    expect(days.map(day => day.day)).toEqual(['2026-11-28', '2026-11-29', '2026-11-30'])
    expect(days[0]).toMatchObject({ executions: 0, mean: null, longest: null, cost: 0 })
  })

  it('add up states, and take times of what has ended alone', () => {
    const days = trend(
      [
        { ...row, day: '2026-11-30', status: 'completed' },
        { ...row, day: '2026-11-30', status: 'failed', executions: 1, total_ms: 500, longest_ms: 500 },
        { ...row, day: '2026-11-30', status: 'waiting', total_ms: 9e9, longest_ms: 9e9 },
        { ...row, day: '2026-11-01', status: 'completed' },
      ],
      3,
      now,
    )
    expect(days[2]).toMatchObject({ executions: 5, failed: 1, mean: 200, longest: 500, cost: 1.5 })
    expect(sum(days)).toEqual({ executions: 5, failed: 1, cost: 1.5 })
  })

  it('says shares without more digits than mean something', () => {
    expect([share(0, 0), share(0, 5), share(1, 3), share(1, 300)]).toEqual(['0 %', '0 %', '33 %', '0.3 %'])
  })
})
