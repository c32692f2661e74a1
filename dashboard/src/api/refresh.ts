// Brings what is shown up to date when something has happened: asks again for what an event touches, no more often
// than an answer takes, and once more when something happened meanwhile.
// Not here: which pages of a list that are (pages.ts).
import type { InfiniteData, QueryClient, QueryKey } from '@tanstack/react-query'
import { type Happened, onEvent, onReset } from './live'
import { brought, type News, stale } from './pages'
import { executionsPage, type Wanted } from './queries'
import type { ExecutionPage } from './schema'

const SOONEST = 250

interface Pending {
  work: () => Promise<void>
  timer: ReturnType<typeof setTimeout> | null
  busy: boolean
  again: boolean
  took: number
}

const nothing = (): News => ({ touched: new Map(), created: false })

/** Starts it. Returns what ends it. */
export function keepFresh(client: QueryClient): () => void {
  const pending = new Map<string, Pending>()
  let news = nothing()

  const run = async (one: Pending) => {
    one.timer = null
    one.busy = true
    const begun = performance.now()
    await one.work().catch(() => undefined)
    one.took = performance.now() - begun
    one.busy = false
    if (one.again) {
      one.again = false
      plan(one)
    }
  }

  const plan = (one: Pending) => {
    // A large execution takes long to read: it is read less often.
    one.timer ??= setTimeout(() => void run(one), Math.max(SOONEST, one.took * 3))
  }

  const touch = (name: string, work: () => Promise<void>) => {
    const one = pending.get(name) ?? { work, timer: null, busy: false, again: false, took: 0 }
    pending.set(name, one)
    if (one.busy) one.again = true
    else plan(one)
  }

  const ask = (key: QueryKey) =>
    touch(JSON.stringify(key), () => client.invalidateQueries({ queryKey: key }, { cancelRefetch: false }))

  const lists = async () => {
    const told = news
    news = nothing()
    const left = await bringLists(client, told).catch(async () => {
      // What could not be read in parts is read whole, and shown as not read if that fails too.
      await client.invalidateQueries({ queryKey: ['executions'] })
      return null
    })
    if (left !== null) {
      news = merged(left, news)
      touchLists()
    }
  }
  const touchLists = () => touch('lists', lists)

  const hear = ({ kind, execution, data }: Happened) => {
    if (execution === null) return
    if (kind === 'log') {
      ask(['logs', execution])
      return
    }
    ask(['execution', execution])
    // A comparison names its executions, by all or a part of their identifiers.
    touch(`diff ${execution}`, () =>
      client.invalidateQueries(
        {
          predicate: ({ queryKey: [what, ...ids] }) =>
            what === 'diff' && ids.some(id => typeof id === 'string' && execution.includes(id)),
        },
        { cancelRefetch: false },
      ),
    )
    const what = typeof data.kind === 'string' ? data.kind : kind
    const isAct = what === 'wait_answered' || what === 'stop_requested' || what === 'resumed'
    if (what.startsWith('wait_') || kind === 'status' || kind === 'deleted') ask(['waits'])
    // A pause may have met a breakpoint, which counts that, or goes away.
    if (what === 'paused' || (kind === 'status' && data.status === 'paused')) ask(['breakpoints'])
    if (isAct || what === 'created' || kind === 'deleted') ask(['audit'])
    if (kind === 'status' || kind === 'deleted' || what === 'created') {
      if (what === 'created') news.created = true
      else news.touched.set(execution, typeof data.status === 'string' ? data.status : null)
      touchLists()
      ask(['overview'])
      // What it belongs to is known by others' names.
      touch('trees', () =>
        client.invalidateQueries({ predicate: query => query.queryKey[2] === 'tree' }, { cancelRefetch: false }),
      )
    }
  }

  const ends = [onEvent(hear), onReset(() => void client.invalidateQueries())]
  return () => {
    for (const end of ends) end()
    for (const one of pending.values()) if (one.timer !== null) clearTimeout(one.timer)
  }
}

const merged = (one: News, other: News): News => ({
  touched: new Map([...one.touched, ...other.touched]),
  created: one.created || other.created,
})

type List = InfiniteData<ExecutionPage, string | undefined>

/** Brings the lists of executions up to date. What has to be done again since a list was being read: else none. */
async function bringLists(client: QueryClient, news: News): Promise<News | null> {
  let left: News | null = null
  for (const query of client.getQueryCache().findAll({ queryKey: ['executions'] })) {
    if (!query.isActive()) {
      query.invalidate()
      continue
    }
    const loaded = query.state.data as List | undefined
    if (loaded === undefined) continue
    const wanted = query.queryKey[1] as Wanted
    const again = stale(loaded, news, wanted)
    if (!again.top && again.pages.size === 0) continue
    const next = await brought(loaded, again, cursor => executionsPage(wanted, cursor))
    // Somebody has scrolled on meanwhile: what is being read then would take the place of this.
    const isBusy = query.state.fetchStatus !== 'idle' || query.state.data !== loaded
    if (isBusy) left = news
    else client.setQueryData<List>(query.queryKey, next)
  }
  return left
}
