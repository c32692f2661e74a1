// What the screens ask for, each with the key under which it is kept. refresh.ts knows the first words of the keys.
import { infiniteQueryOptions, keepPreviousData, queryOptions } from '@tanstack/react-query'
import { api, body } from './client'
import { PAGE } from './pages'
import type { Wait } from './schema'

/** Which executions a list shows; each part is a part of the page's address. */
export interface Wanted {
  status?: string | undefined
  flow?: string | undefined
  tag?: string | undefined
  search?: string | undefined
  since?: string | undefined
  min_cost?: string | undefined
}

/** A page of a list of executions. */
export function executionsPage(wanted: Wanted, cursor: string | undefined, signal?: AbortSignal) {
  const query = { ...present(wanted), limit: PAGE, ...(cursor === undefined ? {} : { cursor }) }
  return body(api.GET('/api/v1/executions', { params: { query }, ...(signal ? { signal } : {}) }))
}

export const executions = (wanted: Wanted) =>
  infiniteQueryOptions({
    queryKey: ['executions', wanted],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) => executionsPage(wanted, pageParam, signal),
    getNextPageParam: page => page.next ?? undefined,
    placeholderData: keepPreviousData,
  })

function present({ min_cost, ...texts }: Wanted) {
  const entries = Object.entries(texts).filter((entry): entry is [string, string] => Boolean(entry[1]))
  return { ...Object.fromEntries(entries), ...(min_cost ? { min_cost: Number(min_cost) } : {}) }
}

export const execution = (id: string) =>
  queryOptions({
    queryKey: ['execution', id],
    queryFn: ({ signal }) => body(api.GET('/api/v1/executions/{id}', { params: { path: { id } }, signal })),
  })

export const call = (id: string, key: string) =>
  queryOptions({
    queryKey: ['execution', id, 'call', key],
    queryFn: ({ signal }) =>
      body(api.GET('/api/v1/executions/{id}/calls/{key}', { params: { path: { id, key } }, signal })),
  })

export const tree = (id: string) =>
  queryOptions({
    queryKey: ['execution', id, 'tree'],
    queryFn: ({ signal }) => body(api.GET('/api/v1/executions/{id}/tree', { params: { path: { id } }, signal })),
  })

export const artifacts = (id: string) =>
  queryOptions({
    queryKey: ['execution', id, 'artifacts'],
    queryFn: ({ signal }) => body(api.GET('/api/v1/executions/{id}/artifacts', { params: { path: { id } }, signal })),
  })

/** The log so far, 1,000 lines a page. */
export const logs = (id: string) =>
  infiniteQueryOptions({
    queryKey: ['logs', id],
    initialPageParam: 0,
    queryFn: ({ pageParam, signal }) => {
      const params = { path: { id }, query: { after: pageParam, limit: 1000 } }
      return body(api.GET('/api/v1/executions/{id}/logs', { params, signal }))
    },
    getNextPageParam: page => (page.items.length === 1000 ? page.next_after : undefined),
  })

/** Questions a page. The order by deadline is made of what is loaded, so a page is large. */
const QUESTIONS = 200

export const waits = () =>
  infiniteQueryOptions({
    queryKey: ['waits'],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) => {
      const query = { limit: QUESTIONS, ...(pageParam === undefined ? {} : { cursor: pageParam }) }
      return body(api.GET('/api/v1/waits', { params: { query }, signal }))
    },
    getNextPageParam: page => page.next ?? undefined,
  })

export const flows = () =>
  queryOptions({
    queryKey: ['overview', 'flows'],
    queryFn: ({ signal }) => body(api.GET('/api/v1/flows', { signal })),
  })

/** A flow as its latest executions show it. */
export const flow = (name: string) =>
  queryOptions({
    queryKey: ['overview', 'flow', name],
    queryFn: ({ signal }) => body(api.GET('/api/v1/flows/{flow}', { params: { path: { flow: name } }, signal })),
  })

export const tags = () =>
  queryOptions({
    queryKey: ['overview', 'tags'],
    queryFn: ({ signal }) => body(api.GET('/api/v1/tags', { signal })),
  })

export const statistics = (days: number) =>
  queryOptions({
    queryKey: ['overview', 'statistics', days],
    queryFn: ({ signal }) => body(api.GET('/api/v1/statistics', { params: { query: { days } }, signal })),
  })

export const diff = (ids: string[]) =>
  queryOptions({
    queryKey: ['diff', ...ids],
    queryFn: ({ signal }) => body(api.GET('/api/v1/diff', { params: { query: { ids: ids.join(',') } }, signal })),
  })

export const breakpoints = (flow?: string) =>
  queryOptions({
    queryKey: ['breakpoints', flow ?? null],
    queryFn: ({ signal }) =>
      body(api.GET('/api/v1/breakpoints', { params: { query: flow === undefined ? {} : { flow } }, signal })),
  })

/** No event tells of turns at limits: they are looked at. */
export const limits = () =>
  queryOptions({
    queryKey: ['limits'],
    queryFn: ({ signal }) => body(api.GET('/api/v1/limits', { signal })),
    refetchInterval: 2_000,
  })

/** Executions that begin and end are told of; a tick that starts none is not. */
export const schedules = () =>
  queryOptions({
    queryKey: ['overview', 'schedules'],
    queryFn: ({ signal }) => body(api.GET('/api/v1/schedules', { signal })),
    refetchInterval: 10_000,
  })

/** Versions of all flows, or of one. No event tells of them. */
export const deployments = (flow?: string) =>
  queryOptions({
    queryKey: ['deployments', flow ?? null],
    queryFn: ({ signal }) =>
      body(api.GET('/api/v1/deployments', { params: { query: flow === undefined ? {} : { flow } }, signal })),
    refetchInterval: 10_000,
  })

export const workers = () =>
  queryOptions({
    queryKey: ['overview', 'workers'],
    queryFn: ({ signal }) => body(api.GET('/api/v1/workers', { signal })),
    refetchInterval: 5_000,
  })

/** No event tells of tokens. */
export const tokens = () =>
  queryOptions({
    queryKey: ['tokens'],
    queryFn: ({ signal }) => body(api.GET('/api/v1/tokens', { signal })),
    refetchInterval: 30_000,
  })

/** What was changed, newest first; of one who asked for it, if that is given. */
export const changes = (by?: string) =>
  infiniteQueryOptions({
    queryKey: ['audit', by ?? null],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) => {
      const query = { limit: PAGE, ...(by ? { by } : {}), ...(pageParam === undefined ? {} : { cursor: pageParam }) }
      return body(api.GET('/api/v1/audit', { params: { query }, signal }))
    },
    getNextPageParam: page => page.next ?? undefined,
  })

/** What names a question among all. */
export const nameOf = (wait: Wait) => `${wait.execution_id}/${wait.key}`
