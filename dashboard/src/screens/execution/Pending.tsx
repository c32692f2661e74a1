// The call that an execution is paused at: what it is given can be changed, or its result supplied, before it goes on;
// where a decision is asked for, the ways to decide.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { api, body } from '../../api/client'
import { sayWhoGoesOn } from '../../api/said'
import type { Execution } from '../../api/schema'
import { read } from '../../model/edit'
import { pauseOf } from '../../model/pause'
import type { Json } from '../../model/value'
import { Button } from '../../ui/Button'
import { EditValues } from '../../ui/EditValues'
import { Trouble } from '../../ui/Notice'

interface PendingCall {
  key: string
  inputs: Record<string, Json> | null
}

type Way = { rerun?: string[]; set?: Record<string, Json> }

export function Pending({ execution }: { execution: Execution }) {
  const client = useQueryClient()
  const pending = execution.pending as unknown as PendingCall
  const [set, setSet] = useState<Record<string, Json> | null>({})
  const [supplied, supply] = useState<string | null>(null)
  const output = supplied === null ? null : read({ text: supplied, isText: false })
  // What may have happened, or is lost, runs again only if somebody says so.
  const doubtful = ['in_doubt', 'volatile'].includes(pauseOf(execution)?.kind ?? '')
  const resume = useMutation({
    mutationFn: (way: Way) => {
      const params = { path: { id: execution.id } }
      return body(api.POST('/api/v1/executions/{id}/resume', { params, body: { rerun: [], set: {}, ...way } }))
    },
    onSuccess: acted => sayWhoGoesOn('Resumed', acted.goes_on),
    onSettled: () => client.invalidateQueries({ queryKey: ['execution', execution.id] }),
  })
  const go = () => {
    if (output !== null && 'value' in output) resume.mutate({ set: { output: output.value } })
    else if (doubtful) resume.mutate({ rerun: [pending.key] })
    else if (set !== null) resume.mutate({ set })
  }
  const word = output !== null ? 'Go on with this result' : doubtful ? 'Run it again' : 'Run it and go on'
  return (
    <div className="flex flex-col gap-3 border-line border-t pt-3">
      <h2 className="font-medium text-sm">
        Next: <code className="font-mono">{pending.key}</code>
      </h2>
      {supplied === null && doubtful ? null : supplied === null ? (
        <EditValues values={pending.inputs ?? {}} prefix="" onChange={setSet} />
      ) : (
        <label className="flex flex-col gap-1">
          Its result, as JSON; the call does not run
          <textarea
            className="field font-mono text-xs"
            rows={4}
            spellCheck={false}
            value={supplied}
            aria-invalid={output !== null && 'error' in output}
            onChange={event => supply(event.target.value)}
          />
          {output !== null && 'error' in output && <span className="text-failed text-xs">{output.error}</span>}
        </label>
      )}
      {resume.isError && <Trouble error={resume.error} />}
      <div className="flex flex-wrap gap-2">
        <Button
          kind="strong"
          icon="play"
          busy={resume.isPending}
          disabled={set === null || (output !== null && 'error' in output)}
          onClick={go}
        >
          {word}
        </Button>
        <Button onClick={() => supply(supplied === null ? 'null' : null)}>
          {supplied === null ? 'Supply its result instead' : doubtful ? 'Run it instead' : 'Change its inputs instead'}
        </Button>
      </div>
    </div>
  )
}
