import { describe, expect, it } from 'vitest'
import { lines } from './delta'
import type { Json } from './value'

const told = (before: Json, after: Json) =>
  lines(before, after)
    .filter(line => line.kind !== 'open')
    .map(line => `${line.kind} ${line.path}${line.count > 1 ? ` x${line.count}` : ''}`)

describe('how two values differ', () => {
  it('says nothing of what is equal', () => {
    expect(lines({ a: [1, null] }, { a: [1, null] })).toEqual([])
  })

  it('tells fields that changed, came and went', () => {
    expect(told({ a: 1, b: 2, c: 3, d: 4 }, { a: 1, b: 5, c: 3, e: 6 })).toEqual([
      'same a',
      'changed b',
      'same c',
      'added e',
      'removed d',
    ])
  })

  it('counts neighbours that are the same once', () => {
    expect(told({ a: 1, b: 2, c: 3 }, { a: 1, b: 2, c: 4 })).toEqual(['same a x2', 'changed c'])
  })

  it('sees that an item came in the middle, and shifts nothing', () => {
    const [one, two, new_] = [{ role: 'user' }, { role: 'assistant' }, { role: 'system' }]
    expect(told([one, two], [one, new_, two])).toEqual(['same [0]', 'added [1]', 'same [2]'])
    expect(told([1, 2, 3], [1, 3])).toEqual(['same [0]', 'removed [1]', 'same [1]'])
  })

  it('shows what differs in an item rather than that another is there', () => {
    const before = [
      { role: 'user', text: 'one' },
      { role: 'user', text: 'two' },
    ]
    const after = [
      { role: 'user', text: 'one' },
      { role: 'user', text: 'three' },
    ]
    expect(told(before, after)).toEqual(['same [0]', 'same [1].role', 'changed [1].text'])
  })

  it('keeps to each item what it was where others came before it', () => {
    const found = lines([{ id: 1, a: 'x' }], [{ id: 0 }, { id: 1, a: 'y' }])
    expect(found.find(line => line.path === '[1].a')).toMatchObject({ kind: 'changed', before: 'x', after: 'y' })
  })

  it('says that an item stands elsewhere', () => {
    expect(told([{ id: 'a' }, { id: 'b' }, { id: 'c' }], [{ id: 'c' }, { id: 'a' }, { id: 'b' }])).toEqual([
      'moved [2 → 0]',
      'same [1] x2',
    ])
  })

  it('takes fields of any name, and null among items', () => {
    expect(told({ _t: 'a', __proto__x: 1 }, { _t: 'b', __proto__x: 1 })).toEqual(['changed _t', 'same __proto__x'])
    expect(told([null, { a: 1 }], [null])).toEqual(['same [0]', 'removed [1]'])
    expect(told(JSON.parse('{"__proto__": 1}'), JSON.parse('{"__proto__": 2}'))).toEqual(['changed __proto__'])
  })

  it('tells values of other kinds as changed', () => {
    expect(told([1], { a: 1 })).toEqual(['changed '])
    expect(told('a', null)).toEqual(['changed '])
  })
})
