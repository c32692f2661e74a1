// What the dashboard can do to executions: each act a request, and what is looked at anew after it.
// Not here: answers (screens/inbox) and replays (screens/replay), which are forms of their own.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { api, body } from './client'

export type Act = 'resume' | 'retry' | 'pause' | 'cancel' | 'delete'

export function act(what: Act, id: string): Promise<unknown> {
  const params = { path: { id } }
  switch (what) {
    case 'resume':
      return body(api.POST('/api/v1/executions/{id}/resume', { params, body: { rerun: [], set: {} } }))
    case 'retry':
      return body(api.POST('/api/v1/executions/{id}/retry', { params, body: {} }))
    case 'pause':
      return body(api.POST('/api/v1/executions/{id}/pause', { params, body: {} }))
    case 'cancel':
      return body(api.POST('/api/v1/executions/{id}/cancel', { params, body: {} }))
    case 'delete':
      return body(api.DELETE('/api/v1/executions/{id}', { params }))
  }
}

/** What came of an act on several executions: how many it was done to, and what was refused. */
export interface Outcome {
  done: number
  refused: { id: string; error: unknown }[]
}

/** Does it to all of them, a few at a time; one that is refused keeps none of the others. */
export async function actOnAll(ids: string[], each: (id: string) => Promise<unknown>): Promise<Outcome> {
  const outcome: Outcome = { done: 0, refused: [] }
  const left = [...ids]
  const work = async () => {
    for (let id = left.shift(); id !== undefined; id = left.shift()) {
      try {
        await each(id)
        outcome.done += 1
      } catch (error) {
        outcome.refused.push({ id, error })
      }
    }
  }
  await Promise.all([work(), work(), work(), work()])
  return outcome
}

/** An act on executions; afterwards they are read anew, also where no stream says that something happened. */
export function useAct() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: ({ what, ids }: { what: Act; ids: string[] }) => actOnAll(ids, id => act(what, id)),
    onSettled: () =>
      Promise.all([
        client.invalidateQueries({ queryKey: ['execution'] }),
        client.invalidateQueries({ queryKey: ['executions'] }),
      ]),
  })
}
