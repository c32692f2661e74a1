// How two JSON values differ, as lines that can be shown: what is new, gone, changed or elsewhere, with what is around
// it. jsondiffpatch aligns the values; its HTML is not used. Pure; loaded when a difference is looked at.
import { create, type Delta } from 'jsondiffpatch'
import type { Json } from './value'

export type LineKind = 'open' | 'added' | 'removed' | 'changed' | 'moved' | 'same'

export interface DeltaLine {
  /** Where, from the top: names and places. */
  path: string
  depth: number
  name: string
  kind: LineKind
  before: Json | undefined
  after: Json | undefined
  /** Of what is the same: how many neighbours this line stands for. */
  count: number
}

const differ = create({
  // Items of a list belong together where something names them; else where they are equal.
  objectHash: (item: object | null) => {
    const named = (item ?? {}) as { id?: unknown; key?: unknown; name?: unknown }
    const name = named.id ?? named.key ?? named.name
    return typeof name === 'string' || typeof name === 'number' ? `=${name}` : JSON.stringify(item)
  },
  arrays: { detectMove: true, includeValueOnMove: true },
  cloneDiffValues: false,
})

/** The lines of a difference; none if there is none. */
export function lines(before: Json, after: Json): DeltaLine[] {
  const delta = differ.diff(before, after)
  const found: DeltaLine[] = []
  if (delta !== undefined) walk(delta, before, after, '', '', 0, found)
  return found
}

function walk(
  delta: NonNullable<Delta>,
  before: Json | undefined,
  after: Json | undefined,
  path: string,
  name: string,
  depth: number,
  found: DeltaLine[],
) {
  const line = (kind: LineKind) => ({ path, depth, name, kind, before, after, count: 1 })
  if (Array.isArray(delta)) {
    const kind = delta.length === 1 ? 'added' : delta.length === 2 ? 'changed' : delta[2] === 0 ? 'removed' : 'moved'
    found.push(line(kind))
    return
  }
  found.push(line('open'))
  const inside = delta._t === 'a' ? items(delta, before, after) : fields(delta, before, after)
  let same: DeltaLine | null = null
  for (const one of inside) {
    const at = delta._t === 'a' ? `${path}[${one.name}]` : path === '' ? one.name : `${path}.${one.name}`
    if (one.delta !== undefined) {
      same = null
      walk(one.delta, one.before, one.after, at, one.name, depth + 1, found)
    } else if (same !== null) {
      same.count += 1
    } else {
      same = {
        path: at,
        depth: depth + 1,
        name: one.name,
        kind: 'same',
        before: one.before,
        after: one.after,
        count: 1,
      }
      found.push(same)
    }
  }
}

interface Inside {
  name: string
  delta: Delta
  before: Json | undefined
  after: Json | undefined
}

/** Fields in the order of the second value, what it lacks behind. */
function fields(delta: object, before: Json | undefined, after: Json | undefined): Inside[] {
  const [one, other] = [objectOf(before), objectOf(after)]
  const names = [...Object.keys(other), ...Object.keys(one).filter(name => !Object.hasOwn(other, name))]
  return names.map(name => ({
    name,
    // In a delta that name is no field.
    delta:
      name === '__proto__' ? differ.diff(own(one, name), own(other, name)) : own(delta as Record<string, Delta>, name),
    before: own(one, name),
    after: own(other, name),
  }))
}

/** Items in the order of the second list; those that are gone where they stood. */
function items(delta: object, before: Json | undefined, after: Json | undefined): Inside[] {
  const changed = delta as Record<string, Delta>
  const [one, other] = [Array.isArray(before) ? before : [], Array.isArray(after) ? after : []]
  const moved = new Map<number, number>()
  const found: Inside[] = []
  for (const [key, part] of Object.entries(changed)) {
    if (key.startsWith('_') && isMove(part)) moved.set(part[1], Number(key.slice(1)))
  }
  let from = 0
  /** Goes on to the next item that stands in both at its place. */
  const pass = () => {
    for (; from < one.length && changed[`_${from}`] !== undefined; from += 1) {
      const gone = changed[`_${from}`]
      if (!isMove(gone)) found.push({ name: String(from), delta: gone, before: one[from], after: undefined })
    }
  }
  for (const [at, item] of other.entries()) {
    const [part, place] = [changed[String(at)], moved.get(at)]
    if (place !== undefined) {
      const name = `${place} → ${at}`
      found.push({ name, delta: part ?? changed[`_${place}`], before: one[place], after: item })
      continue
    }
    pass()
    if (Array.isArray(part)) {
      found.push({ name: String(at), delta: part, before: undefined, after: item })
    } else {
      found.push({ name: String(at), delta: part, before: one[from], after: item })
      from += 1
    }
  }
  pass()
  return paired(found)
}

const isGone = (item: Inside | undefined) =>
  Array.isArray(item?.delta) && item.delta.length === 3 && !isMove(item.delta)
const isNew = (item: Inside | undefined) => Array.isArray(item?.delta) && item.delta.length === 1

/** Items that went with those that came in their place: what of them differs says more than that. */
function paired(all: Inside[]): Inside[] {
  const found: Inside[] = []
  for (let at = 0; at < all.length; ) {
    let gone = 0
    while (isGone(all[at + gone])) gone += 1
    let come = 0
    while (isNew(all[at + gone + come])) come += 1
    const pairs = Math.min(gone, come)
    for (let pair = 0; pair < pairs; pair += 1) {
      const [was, is] = [all[at + pair], all[at + gone + pair]]
      if (was && is) found.push({ ...is, delta: differ.diff(was.before, is.after), before: was.before })
    }
    const run = Math.max(gone + come, 1)
    found.push(...all.slice(at + pairs, at + gone), ...all.slice(at + gone + pairs, at + run))
    at += run
  }
  return found
}

const isMove = (part: Delta): part is [unknown, number, 3] => Array.isArray(part) && part.length === 3 && part[2] === 3

const objectOf = (value: Json | undefined): { [name: string]: Json } =>
  value !== null && typeof value === 'object' && !Array.isArray(value) ? value : {}

function own<T>(of: Record<string, T>, name: string): T | undefined {
  return Object.hasOwn(of, name) ? of[name] : undefined
}
