// A pause that asks what to do with a recorded result: use it, or run the call again. What differs is shown.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { api, body } from '../../api/client'
import { sayWhoGoesOn } from '../../api/said'
import type { Execution } from '../../api/schema'
import { type PauseKind, pauseOf } from '../../model/pause'
import { Button } from '../../ui/Button'
import { Trouble } from '../../ui/Notice'

export interface Asked {
  key: string
  differences: { path: string; before: string | null; after: string | null }[]
}

const KINDS: PauseKind[] = ['drift', 'mutated_argument', 'wait_changed']

/** What a paused execution asks to be decided about a record; none for other pauses. */
export function askedAbout(execution: Execution): Asked | null {
  const pause = pauseOf(execution)
  if (pause === null || !KINDS.includes(pause.kind)) return null
  const call = pause.fields.call as { key?: string } | undefined
  const differences = Array.isArray(pause.fields.differences) ? pause.fields.differences : []
  return { key: String(call?.key ?? pause.fields.key ?? ''), differences }
}

export function Decide({ execution, asked }: { execution: Execution; asked: Asked }) {
  const client = useQueryClient()
  const decide = useMutation({
    mutationFn: (on_drift: 'reuse' | 'rerun') => {
      const params = { path: { id: execution.id } }
      return body(api.POST('/api/v1/executions/{id}/resume', { params, body: { rerun: [], set: {}, on_drift } }))
    },
    onSuccess: acted => sayWhoGoesOn('Resumed', acted.goes_on),
    onSettled: () => client.invalidateQueries({ queryKey: ['execution', execution.id] }),
  })
  return (
    <div className="flex flex-col gap-3 border-line border-t pt-3">
      {asked.differences.length > 0 && (
        <table className="w-fit text-xs">
          <caption className="text-left text-soft">
            What differs in <code className="font-mono">{asked.key}</code>
          </caption>
          <thead>
            <tr className="text-left text-soft">
              <th className="pr-4 font-normal">Where</th>
              <th className="pr-4 font-normal">Recorded</th>
              <th className="font-normal">Now</th>
            </tr>
          </thead>
          <tbody className="font-mono">
            {asked.differences.map(one => (
              <tr key={one.path} className="align-top">
                <td className="pr-4">{one.path}</td>
                <td className="wrap-anywhere pr-4">{one.before ?? 'nothing'}</td>
                <td className="wrap-anywhere">{one.after ?? 'nothing'}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {decide.isError && <Trouble error={decide.error} />}
      <div className="flex flex-wrap gap-2">
        <Button busy={decide.isPending} onClick={() => decide.mutate('reuse')}>
          Use the recorded result
        </Button>
        <Button busy={decide.isPending} onClick={() => decide.mutate('rerun')}>
          Run it again
        </Button>
      </div>
    </div>
  )
}
