import { describe, expect, it } from 'vitest'
import { closedUntil, rule, settingOf, typedOf } from './limit'

describe('a limit in words', () => {
  it('says what it holds back, and nothing where nobody has set it', () => {
    expect(rule({ at_once: 10, rate: '50/s', burst: 1 })).toBe('10 at once · 50/s')
    expect(rule({ at_once: null, rate: '1/10s', burst: 5 })).toBe('1/10s, 5 together')
    expect(rule({ at_once: 1, rate: null, burst: null })).toBe('1 at once')
    expect(rule({ at_once: null, rate: null, burst: null })).toBeNull()
  })

  it('is closed until its time is over, and not when that has passed', () => {
    const until = '2026-03-01T12:00:00.000Z'
    const at = Date.parse(until)
    expect(closedUntil({ closed_until: until }, at - 1)).toBe(until)
    expect(closedUntil({ closed_until: until }, at)).toBeNull()
    expect(closedUntil({ closed_until: null }, at)).toBeNull()
  })
})

describe('what is typed', () => {
  it('is what is sent, and what is left out is not sent as something', () => {
    expect(settingOf({ atOnce: ' 10 ', rate: '', burst: '' })).toEqual({ at_once: 10, rate: null, burst: null })
    expect(settingOf({ atOnce: '', rate: ' 50/s ', burst: '5' })).toEqual({ at_once: null, rate: '50/s', burst: 5 })
  })

  it('is refused where it would let nobody begin, or is no number', () => {
    for (const typed of [
      { atOnce: '', rate: ' ', burst: '' },
      { atOnce: '0', rate: '', burst: '' },
      { atOnce: '1.5', rate: '', burst: '' },
      { atOnce: '1e3', rate: '', burst: '' },
      { atOnce: '-1', rate: '50/s', burst: '' },
      { atOnce: '2', rate: '', burst: '5' },
    ]) {
      expect(settingOf(typed), JSON.stringify(typed)).toHaveProperty('wrong')
    }
  })

  it('comes back as it was set', () => {
    for (const set of [
      { at_once: 10, rate: '50/s', burst: 5 },
      { at_once: null, rate: '1/10s', burst: null },
      { at_once: 3, rate: null, burst: null },
    ]) {
      expect(settingOf(typedOf(set))).toEqual(set)
    }
  })
})
