import { describe, expect, it } from 'vitest'
import { addingOf, type Typed, wall } from './schedule'

const TYPED: Typed = {
  flow: 'daily',
  cron: '30 6 * * *',
  timezone: '',
  name: ' ',
  inputs: '',
  tags: '',
  overlap: 'skip',
  backfill: false,
}

describe('a schedule in words', () => {
  it('has times of its zone as its clock on the wall shows them', () => {
    expect(wall('2026-12-01T06:30:00+01:00')).toBe('2026-12-01 06:30 +01:00')
    expect(wall('2026-12-01T06:30:07Z')).toBe('2026-12-01 06:30:07 Z')
    expect(wall('2026-12-01T06:30:00')).toBe('2026-12-01 06:30')
  })

  it('shows what it does not know as it is', () => {
    expect(wall('')).toBe('')
    expect(wall('soon')).toBe('soon')
  })
})

describe('what is typed', () => {
  it('is what is sent; what is left out is left to the server', () => {
    expect(addingOf(TYPED)).toEqual({
      flow: 'daily',
      cron: '30 6 * * *',
      timezone: null,
      name: null,
      inputs: {},
      tags: [],
      overlap: 'skip',
      backfill: false,
    })
    const typed = { ...TYPED, timezone: 'Europe/Berlin', inputs: '{"topic": "tea"}', tags: ' a, ,b ' }
    expect(addingOf(typed)).toMatchObject({ timezone: 'Europe/Berlin', inputs: { topic: 'tea' }, tags: ['a', 'b'] })
  })

  it('is not sent where its inputs are none, or would be rounded', () => {
    for (const inputs of ['[1]', '{', '"tea"', '{"n": 12345678901234567890}']) {
      expect(addingOf({ ...TYPED, inputs }), inputs).toHaveProperty('wrong')
    }
  })
})
