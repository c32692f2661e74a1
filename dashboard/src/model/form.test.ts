import { describe, expect, it } from 'vitest'
import { beginning, fieldOf, finish, type Schema, Unfinished } from './form'

const model: Schema = {
  $defs: { Item: { type: 'object', properties: { n: { type: 'integer', minimum: 1 } }, required: ['n'] } },
  type: 'object',
  properties: {
    verdict: { enum: ['publish', 'drop'] },
    notes: { type: 'string', default: '' },
    items: { type: 'array', items: { $ref: '#/$defs/Item' } },
    maybe: { anyOf: [{ type: 'number' }, { type: 'null' }] },
  },
  required: ['verdict', 'items'],
}

describe('a form', () => {
  it('finds the field of each part', () => {
    expect(fieldOf({ type: 'boolean' }, {})).toEqual({ kind: 'boolean' })
    expect(fieldOf({ $ref: '#/$defs/Item' }, model).kind).toBe('object')
    expect(fieldOf({ anyOf: [{ type: 'number', maximum: 3 }, { type: 'null' }] }, {})).toEqual({
      kind: 'number',
      whole: false,
      min: undefined,
      max: 3,
    })
    expect(fieldOf({ anyOf: [{ type: 'number' }, { type: 'string' }] }, {}).kind).toBe('json')
    expect(fieldOf({}, {}).kind).toBe('json')
  })

  it('does not go round in a schema that refers to itself', () => {
    const loop: Schema = { $defs: { A: { $ref: '#/$defs/B' }, B: { $ref: '#/$defs/A' } } }
    expect(fieldOf({ $ref: '#/$defs/A' }, loop).kind).toBe('json')
  })

  it('begins with defaults and with nothing that nobody has chosen', () => {
    expect(beginning(model, model)).toEqual({ verdict: undefined, notes: '', items: [], maybe: undefined })
  })

  it('says what is missing by its path', () => {
    const draft = { verdict: undefined, items: [{ n: new Unfinished('x', 'no number') }] }
    expect(finish(draft, model, model)).toEqual({
      wrongs: { '/verdict': 'Choose one.', '/items/0/n': 'no number' },
    })
  })

  it('leaves out what may be left out', () => {
    expect(finish({ verdict: 'drop', items: [{ n: 2 }] }, model, model)).toEqual({
      value: { verdict: 'drop', items: [{ n: 2 }] },
    })
    expect(finish(false, { type: 'boolean' }, {})).toEqual({ value: false })
  })
})
