// Versions of flows' code and the tags that name them, as a page shows them. Pure.
import type { Deployment } from '../api/schema'

export interface Of {
  flow: string
  /** The newest first. */
  versions: Deployment[]
  /** Tags with the version that each names, by name. */
  tags: { tag: string; version: string }[]
}

/** The versions of each flow, in the order in which they came. */
export function byFlow(items: Deployment[]): Of[] {
  const flows = new Map<string, Deployment[]>()
  for (const one of items) {
    const versions = flows.get(one.flow)
    if (versions === undefined) flows.set(one.flow, [one])
    else versions.push(one)
  }
  return [...flows].map(([flow, versions]) => ({
    flow,
    versions,
    tags: versions
      .flatMap(one => one.tags.map(tag => ({ tag, version: one.version })))
      .sort((one, other) => one.tag.localeCompare(other.tag)),
  }))
}

/** All that names a version, tags first. */
export const namesOf = (one: Deployment) => [...one.tags, one.version]

/** What can be started of a flow, as a choice: the newest by its flow's name alone, then tags, then versions. */
export function choices({ versions, tags }: Of): { at: string; word: string }[] {
  const [newest] = versions
  if (newest === undefined) return []
  return [
    { at: '', word: `the newest version: ${newest.version}` },
    ...tags.map(({ tag, version }) => ({ at: tag, word: `${tag}: ${version}` })),
    ...versions.map(({ version }) => ({ at: version, word: version })),
  ]
}

/** The name that starts it: `agent@prod`, or the flow's alone. */
export const target = (flow: string, at: string) => (at === '' ? flow : `${flow}@${at}`)

/** A size, short: `812 bytes`, `4.1 KiB`, `12 MiB`. */
export function size(bytes: number): string {
  if (bytes < 1_024) return bytes === 1 ? '1 byte' : `${bytes} bytes`
  const [unit, many] = bytes < 1_048_576 ? ['KiB', bytes / 1_024] : ['MiB', bytes / 1_048_576]
  return `${many.toFixed(many < 10 ? 1 : 0)} ${unit}`
}
