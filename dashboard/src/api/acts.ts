// What the dashboard can do to executions: each act a request, and what is looked at anew after it.
// Not here: answers (screens/inbox) and replays (screens/replay), which are forms of their own.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { api, body } from './client'
import { sayWhoGoesOn } from './said'

export type Act = 'resume' | 'retry' | 'pause' | 'cancel' | 'delete'

/** Does it; gives who carries the execution on, where that is a question. */
export async function act(what: Act, id: string): Promise<string | null> {
  const params = { path: { id } }
  switch (what) {
    case 'resume':
      return (await body(api.POST('/api/v1/executions/{id}/resume', { params, body: { rerun: [], set: {} } }))).goes_on
    case 'retry':
      return (await body(api.POST('/api/v1/executions/{id}/retry', { params, body: {} }))).goes_on
    case 'pause':
      await body(api.POST('/api/v1/executions/{id}/pause', { params, body: {} }))
      return null
    case 'cancel':
      await body(api.POST('/api/v1/executions/{id}/cancel', { params, body: {} }))
      return null
    case 'delete':
      await body(api.DELETE('/api/v1/executions/{id}', { params }))
      return null
  }
}

/** What came of an act on several executions: how many it was done to, and what was refused. */
export interface Outcome {
  done: number
  /** Who carries them on, where they are not all carried on here. */
  goesOn: string | null
  refused: { id: string; error: unknown }[]
}

/** Does it to all of them, a few at a time; one that is refused keeps none of the others. */
export async function actOnAll(ids: string[], each: (id: string) => Promise<string | null>): Promise<Outcome> {
  const outcome: Outcome = { done: 0, goesOn: null, refused: [] }
  const left = [...ids]
  const work = async () => {
    for (let id = left.shift(); id !== undefined; id = left.shift()) {
      try {
        const goesOn = await each(id)
        if (outcome.goesOn === null || outcome.goesOn === 'worker') outcome.goesOn = goesOn
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
    onSuccess: ({ goesOn, done }) => {
      if (goesOn !== null) sayWhoGoesOn(done === 1 ? 'Done' : `Done for ${done}`, goesOn)
    },
    onSettled: () =>
      Promise.all([
        client.invalidateQueries({ queryKey: ['execution'] }),
        client.invalidateQueries({ queryKey: ['executions'] }),
      ]),
  })
}
