import { describe, expect, it } from 'vitest'
import type { DiffCall, DiffExecution } from '../api/schema'
import { isWorthwhile, signOf, totals } from './compare'

const usage = (cost_usd: number) => ({ cost_usd, input_tokens: 10, output_tokens: 5 })
const side = (part: Partial<DiffExecution>): DiffExecution => ({
  id: 'a',
  flow: 'f',
  status: 'completed',
  forked_from: null,
  created_at: '2026-11-30T00:00:00Z',
  calls: 3,
  reused: 0,
  attempts: 3,
  ms: 1_000,
  ran_ms: 1_000,
  usage: usage(0.5),
  spent: usage(0.5),
  ...part,
})

describe('totals', () => {
  it('say what the second has more or less', () => {
    const found = totals(side({}), side({ reused: 2, ran_ms: 400, spent: usage(0.25) }))
    const told = found.filter(row => row.difference !== '').map(row => [row.name, row.difference, row.less])
    expect(told).toEqual([
      ['Reused', '+2', false],
      ['Its own', '−600 ms', true],
      ['Its own', '−$0.25', true],
    ])
  })
})

describe('rows', () => {
  const call = (part: Partial<DiffCall>): DiffCall => ({ key: 'a', name: 'a', kind: 'checkpoint', sides: [], ...part })

  it('are worthwhile where something differs, in any of the executions', () => {
    expect(isWorthwhile(call({ verdict: 'same' }))).toBe(false)
    expect(isWorthwhile(call({ verdict: 'same', moved: true }))).toBe(true)
    expect(isWorthwhile(call({ verdict: 'removed' }))).toBe(true)
    expect(isWorthwhile(call({ verdicts: [null, 'same', 'changed'] }))).toBe(true)
    expect(isWorthwhile(call({ verdicts: [null, 'reused'] }))).toBe(false)
  })

  it('have a sign for each verdict that is known', () => {
    expect(signOf('changed')?.sign).toBe('≠')
    expect(signOf('toString')).toBe(null)
    expect(signOf(null)).toBe(null)
  })
})
