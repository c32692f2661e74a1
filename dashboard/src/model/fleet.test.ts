import { describe, expect, it } from 'vitest'
import type { Tree } from '../api/schema'
import { branches, cost, part, roots, states, stepOf } from './fleet'

const node = (id: string, below: Tree[] = [], status: Tree['status'] = 'completed'): Tree => ({
  id,
  below,
  marked: false,
  relation: null,
  ...(status ? { status } : {}),
  usage: { cost_usd: 1, input_tokens: 0, output_tokens: 0 },
})

const tree = node('a', [node('b', [node('c'), node('d', [], 'failed')]), node('e')])

describe('a fleet', () => {
  it('is told line by line, each with its place', () => {
    const lines = branches([tree], new Set())
    expect(lines.map(line => `${'.'.repeat(line.depth)}${line.node.id} ${line.at}/${line.of}`)).toEqual([
      'a 1/1',
      '.b 1/2',
      '..c 1/2',
      '..d 2/2',
      '.e 2/2',
    ])
    expect(lines.map(line => line.above)).toEqual([-1, 0, 1, 1, 0])
  })

  it('hides what is below a closed one, and says how much', () => {
    const lines = branches([tree], new Set(['b']))
    expect(lines.map(line => line.node.id)).toEqual(['a', 'b', 'e'])
    expect(lines[1]).toMatchObject({ open: false, below: 2 })
  })

  it('is gone through by keys as trees are', () => {
    const lines = branches([tree], new Set())
    const closed = branches([tree], new Set(['b']))
    expect(stepOf('ArrowRight', lines, 1)).toEqual({ to: 2 })
    expect(stepOf('ArrowRight', closed, 1)).toEqual({ open: true })
    expect(stepOf('ArrowRight', lines, 2)).toBe(null)
    expect(stepOf('ArrowLeft', lines, 1)).toEqual({ open: false })
    expect(stepOf('ArrowLeft', lines, 3)).toEqual({ to: 1 })
    expect(stepOf('ArrowLeft', branches([tree], new Set(['a'])), 0)).toBe(null)
    expect(stepOf('x', lines, 0)).toBe(null)
  })

  it('adds up cost and states', () => {
    expect(cost(tree)).toBe(5)
    expect(states(tree)).toEqual(
      new Map([
        ['completed', 4],
        ['failed', 1],
      ]),
    )
    expect(part(tree, 'b')?.below.length).toBe(2)
    expect(part(tree, 'x')).toBe(null)
  })

  it('has as roots what no open one has started', () => {
    const open = [
      { id: 'c', parent: { id: 'p' } },
      { id: 'p', parent: null },
      { id: 'q', parent: { id: 'gone' } },
    ]
    expect(roots(open).map(one => one.id)).toEqual(['p', 'q'])
  })
})
