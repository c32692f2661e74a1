import { describe, expect, it } from 'vitest'
import { changes, read, same, typed } from './edit'
import { count, dollars } from './money'
import { ago, span } from './time'
import { brief, bytesOf, columnsOf, find, isMarkdown, type Json } from './value'

describe('a value', () => {
  it('is an image only by its first bytes, and SVG never', () => {
    expect(bytesOf({ $kitaru: 'bytes', v: 'iVBORw0KGgoAAAA' })?.image).toBe('image/png')
    expect(bytesOf({ $kitaru: 'bytes', v: btoa('<svg onload="alert(1)">') })?.image).toBe(null)
    expect(bytesOf({ v: 'iVBORw0KGgoAAAA' })).toBe(null)
  })

  it('is a table where rows have much the same fields', () => {
    expect(columnsOf([{ a: 1, b: 2 }, { a: 3 }])).toEqual(['a', 'b'])
    expect(columnsOf([{ a: 1 }])).toBe(null)
    expect(columnsOf([{ a: 1 }, 2])).toBe(null)
    expect(columnsOf([{ a: 1 }, { b: 1 }, { c: 1 }])).toBe(null)
  })

  it('is searched by name and content, no further than asked', () => {
    const value: Json = { tea: { kind: 'green' }, list: ['Green', 1] }
    expect(find(value, 'green', 9).map(hit => hit.path)).toEqual(['tea.kind', 'list[0]'])
    expect(find(value, 'TEA', 9).map(hit => hit.path)).toEqual(['tea'])
    expect(find(value, 'e', 1).length).toBe(1)
  })

  it('is Markdown only where it is written so', () => {
    expect(isMarkdown('# Title')).toBe(true)
    expect(isMarkdown('2 * 3 * 4 # five')).toBe(false)
  })

  it('is brief in a line', () => {
    expect([brief([1]), brief({ a: 1, b: 2 }), brief('x'), brief(null), brief({ $kitaru: 'int', v: '99' })]).toEqual([
      '1 item',
      '2 fields',
      'x',
      'null',
      '99',
    ])
  })
})

describe('an edited value', () => {
  it('sets the smallest parts that differ', () => {
    expect(changes({ a: 1, b: [1, 2] }, { a: 1, b: [1, 3] }, 'x')).toEqual({ 'x.b[1]': 3 })
    expect(changes({ a: 1 }, { a: 1 }, 'x')).toEqual({})
  })

  it('is set whole where parts came, went, or have names that no path can hold', () => {
    expect(changes([1], [1, 2], 'x')).toEqual({ x: [1, 2] })
    expect(changes({ 'a.b': 1 }, { 'a.b': 2 }, 'x')).toEqual({ x: { 'a.b': 2 } })
    expect(changes({ a: 1 }, { a: 1, b: null }, 'x')).toEqual({ x: { a: 1, b: null } })
  })

  it('is typed as itself where it is a text, else as JSON', () => {
    expect(read(typed('not "json"'))).toEqual({ value: 'not "json"' })
    expect(read({ text: '[1', isText: false })).toHaveProperty('error')
    expect(same({ a: [1, { b: null }] }, { a: [1, { b: null }] })).toBe(true)
    expect(same([], {})).toBe(false)
  })
})

describe('what people read', () => {
  it('has spans in two units at most', () => {
    expect([0, 840, 4_200, 59_999, 200_000, 18_720_000, 273_600_000].map(span)).toEqual([
      '0 ms',
      '840 ms',
      '4.2 s',
      '60 s',
      '3 min 20 s',
      '5 h 12 min',
      '3 d 4 h',
    ])
  })

  it('says when, before and after', () => {
    expect([ago(0, 1_000), ago(0, 12_000), ago(300_000, 0)]).toEqual(['now', '12 s ago', 'in 5 min'])
  })

  it('shows money to where it says something', () => {
    expect([0, 0.0042, 1.2, 123.456].map(dollars)).toEqual(['$0', '$0.0042', '$1.20', '$123.46'])
    expect([950, 12_300, 4_100_000].map(count)).toEqual(['950', '12k', '4.1M'])
  })
})
