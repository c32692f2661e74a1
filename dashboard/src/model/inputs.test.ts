import { describe, expect, it } from 'vitest'
import { exact } from '../api/exact'
import { asText, readInputs } from './inputs'

describe('inputs that are typed', () => {
  it('are an object', () => {
    expect(readInputs('{"a": [1, null]}')).toEqual({ inputs: { a: [1, null] } })
    for (const text of ['[1]', 'null', '"a"', '{a: 1}', '']) expect(readInputs(text)).toHaveProperty('error')
  })

  it('are never rounded', () => {
    expect(readInputs('{"n": 12345678901234567890}')).toHaveProperty('error')
    expect(readInputs('{"n": "12345678901234567890"}')).toHaveProperty('inputs')
    expect(readInputs('{"n": 9007199254740991}')).toHaveProperty('inputs')
  })

  it('show large numbers as they were recorded', () => {
    const recorded = JSON.parse(exact('{"n":-12345678901234567890,"t":"12345678901234567890"}'))
    expect(asText(recorded).replaceAll(/\s/g, '')).toBe('{"n":-12345678901234567890,"t":"12345678901234567890"}')
  })
})
