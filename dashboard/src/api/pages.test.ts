import { describe, expect, it } from 'vitest'
import { brought, type Loaded, type News, PAGE, type Page, stale } from './pages'

interface Known {
  id: string
  number: number
  status: string
}

/** What a server answers: rows below the cursor that fit, newest first. */
class Server {
  rows: Known[] = []
  asked: (string | undefined)[] = []
  wanted: string[] = []
  made = 0

  add(status: string): string {
    this.made += 1
    const id = `x${this.made}`
    this.rows.unshift({ id, number: this.made, status })
    return id
  }

  fitting = () => this.rows.filter(row => this.wanted.length === 0 || this.wanted.includes(row.status))

  read = (cursor: string | undefined): Promise<Page<Known>> => {
    this.asked.push(cursor)
    const below = cursor === undefined ? Number.POSITIVE_INFINITY : Number(cursor.slice(1))
    const found = this.fitting().filter(row => row.number < below)
    const items = found.slice(0, PAGE).map(row => ({ ...row }))
    return Promise.resolve({ items, next: found.length > PAGE ? `e${items.at(-1)?.number}` : null })
  }

  async load(pages: number): Promise<Loaded<Known>> {
    const loaded: Loaded<Known> = { pages: [], pageParams: [] }
    let cursor: string | undefined
    for (let at = 0; at < pages; at += 1) {
      const page = await this.read(cursor)
      loaded.pages.push(page)
      loaded.pageParams.push(cursor)
      if (page.next === null) break
      cursor = page.next
    }
    this.asked = []
    return loaded
  }
}

const server = (rows: number) => {
  const one = new Server()
  for (let at = 0; at < rows; at += 1) one.add('completed')
  return one
}

const news = (part: Partial<News> = {}): News => ({ touched: new Map(), created: false, ...part })
const rows = (loaded: Loaded<Known>) => loaded.pages.flatMap(page => page.items)

describe('which pages are read again', () => {
  it('is the one that holds what was named', async () => {
    const loaded = await server(450).load(4)
    const told = stale(loaded, news({ touched: new Map([['x200', 'failed']]) }), {})
    expect(told).toEqual({ top: false, pages: new Set([2]) })
    expect(stale(loaded, news({ created: true }), {})).toEqual({ top: true, pages: new Set() })
  })

  it('is none for what is not loaded and was there before', async () => {
    const loaded = await server(450).load(2)
    expect(stale(loaded, news({ touched: new Map([['x3', 'failed']]) }), {}).pages.size).toBe(0)
  })

  it('is each for what comes into a list by its status', async () => {
    const loaded = await server(450).load(3)
    const told = news({ touched: new Map([['y', 'failed']]) })
    expect(stale(loaded, told, { status: 'failed,paused' }).pages.size).toBe(3)
    expect(stale(loaded, told, { status: 'completed' }).pages.size).toBe(0)
    expect(stale(loaded, news({ touched: new Map([['y', null]]) }), { status: 'completed' }).pages.size).toBe(3)
    expect(stale(loaded, told, { min_cost: '1' }).pages.size).toBe(3)
  })
})

describe('a list that is brought up to date', () => {
  it('reads one page for one that was named', async () => {
    const one = server(450)
    const loaded = await one.load(4)
    const kept = loaded.pages[0]
    const changed = one.rows.find(row => row.id === 'x200')
    if (changed) changed.status = 'failed'
    const next = await brought(loaded, { top: false, pages: new Set([2]) }, one.read)
    expect(one.asked).toEqual(['e251'])
    expect(next.pages[0]).toBe(kept)
    expect(rows(next)).toEqual(one.fitting().slice(0, 400))
  })

  it('has no hole behind the first page when something was created', async () => {
    const one = server(450)
    const loaded = await one.load(3)
    for (let at = 0; at < 7; at += 1) one.add('running')
    const next = await brought(loaded, { top: true, pages: new Set() }, one.read)
    expect(one.asked).toEqual([undefined])
    expect(rows(next)).toEqual(one.fitting().slice(0, 307))
  })

  it('fills what more than a page of new ones leaves open', async () => {
    const one = server(450)
    const loaded = await one.load(3)
    for (let at = 0; at < 250; at += 1) one.add('running')
    const next = await brought(loaded, { top: true, pages: new Set() }, one.read)
    expect(rows(next)).toEqual(one.fitting().slice(0, 550))
    expect(one.asked.length).toBe(3)
  })

  it('does not fall into ever more pages', async () => {
    const one = server(1000)
    let loaded = await one.load(9)
    for (let at = 0; at < 500; at += 1) {
      one.add('running')
      loaded = await brought(loaded, { top: true, pages: new Set() }, one.read)
    }
    expect(rows(loaded)).toEqual(one.fitting().slice(0, 1400))
    expect(loaded.pages.length).toBeLessThan(25)
  })

  it('is what a server has, whatever happened', { timeout: 60_000 }, async () => {
    // A generator of its own, so that a failure can be made again.
    let seed = 12345
    const random = (below: number) => {
      seed = (seed * 1103515245 + 12345) % 2147483648
      return Math.floor((seed / 2147483648) * below)
    }
    const states = ['running', 'completed', 'failed']
    for (let round = 0; round < 60; round += 1) {
      const one = new Server()
      for (let at = random(700); at >= 0; at -= 1) one.add(states[random(3)] ?? '')
      one.wanted = states.slice(0, random(3))
      const narrowed = { status: one.wanted.join(',') }
      let loaded = await one.load(1 + random(5))
      for (let turn = 0; turn < 6; turn += 1) {
        const told = news()
        for (let at = random(4) * random(60); at > 0; at -= 1) {
          if (random(2) === 0) {
            told.created = true
            one.add(states[random(3)] ?? '')
            continue
          }
          const row = one.rows[random(one.rows.length)]
          if (row === undefined) continue
          if (random(5) === 0) {
            one.rows = one.rows.filter(other => other !== row)
            told.touched.set(row.id, null)
          } else {
            row.status = states[random(3)] ?? ''
            told.touched.set(row.id, row.status)
          }
        }
        const before = rows(loaded).at(-1)?.number ?? 0
        const ended = loaded.pages.at(-1)?.next === null
        loaded = await brought(loaded, stale(loaded, told, narrowed), one.read)
        const shown = rows(loaded)
        expect(shown).toEqual(one.fitting().slice(0, shown.length))
        // It reaches as far down as before.
        if (!ended)
          expect(
            one
              .fitting()
              .slice(shown.length)
              .every(row => row.number < before),
          ).toBe(true)
        if (loaded.pages.at(-1)?.next === null) expect(shown.length).toBe(one.fitting().length)
      }
    }
  })
})
