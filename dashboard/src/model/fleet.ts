// Executions as a tree that opens and closes, as the lines of it that are to be seen. Pure.
import type { Tree } from '../api/schema'

export interface Branch {
  node: Tree
  depth: number
  /** Its place among its neighbours, from 1, and how many they are. */
  at: number
  of: number
  open: boolean
  /** What is below it in all. */
  below: number
  /** Line of what it stands below; -1 at the top. */
  above: number
}

/** How much is below a node. */
export function size(node: Tree): number {
  return node.below.reduce((sum, one) => sum + 1 + size(one), 0)
}

/** The lines of trees: what is below a closed node is none. */
export function branches(tops: Tree[], closed: ReadonlySet<string>): Branch[] {
  const found: Branch[] = []
  const walk = (nodes: Tree[], depth: number, above: number) => {
    for (const [place, node] of nodes.entries()) {
      const open = node.below.length > 0 && !closed.has(node.id)
      const line = found.push({ node, depth, at: place + 1, of: nodes.length, open, below: size(node), above }) - 1
      if (open) walk(node.below, depth + 1, line)
    }
  }
  walk(tops, 0, -1)
  return found
}

/** What a key does in a tree: it goes to a line, opens or closes the one where one is, or enters it. */
export type Step = { to: number } | { open: boolean } | { enter: true }

export function stepOf(key: string, lines: Branch[], at: number): Step | null {
  const line = lines[at]
  if (line === undefined) return null
  switch (key) {
    case 'ArrowDown':
      return { to: at + 1 }
    case 'ArrowUp':
      return { to: at - 1 }
    case 'Home':
      return { to: 0 }
    case 'End':
      return { to: lines.length - 1 }
    case 'ArrowRight':
      if (line.open) return { to: at + 1 }
      return line.below > 0 ? { open: true } : null
    case 'ArrowLeft':
      if (line.open) return { open: false }
      return line.above >= 0 ? { to: line.above } : null
    case 'Enter':
      return { enter: true }
    default:
      return null
  }
}

/** The part of a tree that an execution is the top of. */
export function part(tree: Tree, id: string): Tree | null {
  if (tree.id === id) return tree
  for (const one of tree.below) {
    const found = part(one, id)
    if (found !== null) return found
  }
  return null
}

/** What a tree costs. */
export const cost = (node: Tree): number =>
  (node.usage?.cost_usd ?? 0) + node.below.reduce((sum, one) => sum + cost(one), 0)

/** How many executions of a tree are in which state. */
export function states(node: Tree, found: Map<string, number> = new Map()): Map<string, number> {
  const word = node.status ?? 'deleted'
  found.set(word, (found.get(word) ?? 0) + 1)
  for (const one of node.below) states(one, found)
  return found
}

/** Of open executions those that none of them has started: their trees hold all the others. */
export function roots<E extends { id: string; parent: { id: string } | null }>(open: E[]): E[] {
  const known = new Set(open.map(one => one.id))
  return open.filter(one => one.parent === null || !known.has(one.parent.id))
}
