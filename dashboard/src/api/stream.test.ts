import { describe, expect, it } from 'vitest'
import { parser } from './stream'

const STREAM =
  'id: 7\nevent: journal\ndata: {"a":1}\n\nevent: log\ndata: one\ndata: two\n\n: a sign of life\n\nid: 8\n\n'

const whole = [
  { id: '7', event: 'journal', data: '{"a":1}' },
  { id: null, event: 'log', data: 'one\ntwo' },
  { id: '8', event: 'message', data: '' },
]

describe('a stream of events', () => {
  it('is taken apart', () => {
    expect(parser()(STREAM)).toEqual(whole)
  })

  it('comes out the same wherever it is cut', () => {
    for (let at = 0; at <= STREAM.length; at += 1) {
      const parse = parser()
      expect([...parse(STREAM.slice(0, at)), ...parse(STREAM.slice(at))]).toEqual(whole)
    }
  })

  it('comes out the same with each way to end a line, a letter at a time', () => {
    for (const end of ['\n', '\r\n', '\r']) {
      const parse = parser()
      const found = [...STREAM.replaceAll('\n', end)].flatMap(letter => parse(letter))
      expect(found).toEqual(whole)
    }
  })

  it('keeps colons and leading spaces of data, and what it does not know it leaves out', () => {
    expect(parser()('data:  a: b\nretry: 5\nnonsense\n\n')).toEqual([{ id: null, event: 'message', data: ' a: b' }])
  })

  it('tells nothing of an event that is not whole', () => {
    expect(parser()('data: half')).toEqual([])
  })
})
