import { describe, expect, it } from 'vitest'
import type { Deployment } from '../api/schema'
import { byFlow, choices, namesOf, size, target } from './deployed'

const version = (flow: string, name: string, ...tags: string[]) => ({ flow, version: name, tags }) as Deployment

const ITEMS = [version('agent', 'v3', 'canary'), version('agent', 'v2', 'prod', 'best'), version('other', 'v1')]

describe('versions of flows', () => {
  it('stand with their flow in the order in which they came, with what each tag names', () => {
    expect(byFlow(ITEMS)).toEqual([
      {
        flow: 'agent',
        versions: ITEMS.slice(0, 2),
        tags: [
          { tag: 'best', version: 'v2' },
          { tag: 'canary', version: 'v3' },
          { tag: 'prod', version: 'v2' },
        ],
      },
      { flow: 'other', versions: ITEMS.slice(2), tags: [] },
    ])
    expect(byFlow([])).toEqual([])
  })

  it('keep flows apart that are called as what every object has', () => {
    const [one, other] = byFlow([version('constructor', 'v1'), version('__proto__', 'v1')])
    expect([one?.flow, other?.flow]).toEqual(['constructor', '__proto__'])
  })

  it('are named by tags and by themselves', () => {
    expect(namesOf(version('agent', 'v2', 'prod'))).toEqual(['prod', 'v2'])
  })
})

describe('what can be started', () => {
  it('is the newest, what a tag names, or a version', () => {
    const [agent] = byFlow(ITEMS)
    expect(agent && choices(agent).map(one => one.at)).toEqual(['', 'best', 'canary', 'prod', 'v3', 'v2'])
    expect(agent && choices(agent)[0]?.word).toBe('the newest version: v3')
    expect(choices({ flow: 'none', versions: [], tags: [] })).toEqual([])
  })

  it('has the name that starts it', () => {
    expect(target('agent', 'prod')).toBe('agent@prod')
    expect(target('agent', '')).toBe('agent')
  })
})

describe('a size', () => {
  it('is short', () => {
    expect([0, 1, 812, 1_024, 4_198, 10_239, 1_048_576, 12_582_912].map(size)).toEqual([
      '0 bytes',
      '1 byte',
      '812 bytes',
      '1.0 KiB',
      '4.1 KiB',
      '10.0 KiB',
      '1.0 MiB',
      '12 MiB',
    ])
  })
})
