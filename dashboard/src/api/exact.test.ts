import { describe, expect, it } from 'vitest'
import { digitsOf } from '../model/value'
import { exact } from './exact'

describe('whole numbers', () => {
  it('that would be rounded keep their digits', () => {
    const read = JSON.parse(exact('{"n":12345678901234567890,"m":[-9007199254740993]}'))
    expect(digitsOf(read.n)).toBe('12345678901234567890')
    expect(digitsOf(read.m[0])).toBe('-9007199254740993')
  })

  it('that are exact stay numbers', () => {
    expect(exact('[9007199254740991]')).toBe('[9007199254740991]')
    expect(exact('[1234567890123456]')).toBe('[1234567890123456]')
  })

  it('in texts are texts', () => {
    const text = '{"a":"12345678901234567890","b\\"12345678901234567890":"\\\\","c":"\\"12345678901234567890"}'
    expect(exact(text)).toBe(text)
  })

  it('are not the digits behind a point', () => {
    const text = '[0.30000000000000004,-1.2345678901234567e-10,{"cost_usd":0.1234567890123456789}]'
    expect(exact(text)).toBe(text)
    expect(JSON.parse(exact('[0.30000000000000004]'))).toEqual([0.1 + 0.2])
  })

  it('with a fraction or an exponent are no whole numbers', () => {
    expect(exact('[12345678901234567890.5,12345678901234567890e3]')).toBe(
      '[12345678901234567890.5,12345678901234567890e3]',
    )
  })
})
