// Starts a flow, or a version of it that was deployed, with inputs of one's own. They begin as those of the newest
// execution.
import { useMutation, useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useMemo, useState } from 'react'
import { api, body, once } from '../../api/client'
import { deployments } from '../../api/queries'
import { byFlow, choices, target } from '../../model/deployed'
import { readInputs } from '../../model/inputs'
import { listed } from '../../model/schedule'
import type { Json } from '../../model/value'
import { Button } from '../../ui/Button'
import { Dialog } from '../../ui/Dialog'
import { Loading, Trouble } from '../../ui/Notice'
import { useNewestInputs } from './useNewestInputs'

interface Props {
  flow: string
  /** A version or a tag of it; without one: the newest version, or what ran last where nothing was deployed. */
  at?: string
  close: () => void
}

export function Start({ flow, at = '', close }: Props) {
  const { text, hasRun, error } = useNewestInputs(flow)
  return (
    <Dialog title={`Start ${flow}`} onClose={close}>
      {error !== null && <Trouble error={error} />}
      {text === undefined && error === null && <Loading what="the newest inputs" />}
      {text !== undefined && <Form flow={flow} beginning={text} hasRun={hasRun} at={at} close={close} />}
    </Dialog>
  )
}

interface FormProps extends Required<Props> {
  beginning: string
  hasRun: boolean
}

function Form({ flow, beginning, hasRun, at: given, close }: FormProps) {
  const navigate = useNavigate()
  const [text, setText] = useState(beginning)
  const [tags, setTags] = useState('')
  const [at, setAt] = useState(given)
  const known = useQuery(deployments(flow))
  const [deployed] = byFlow(known.data?.items ?? [])
  // Sent again after a lost connection, the same request starts once.
  // biome-ignore lint/correctness/useExhaustiveDependencies: what is asked for has a key of its own
  const key = useMemo(once, [text, tags, at])
  const read = readInputs(text)
  const start = useMutation({
    mutationFn: (inputs: Record<string, Json>) =>
      body(
        api.POST('/api/v1/executions', {
          params: { header: key },
          body: { flow: target(flow, at), inputs, tags: listed(tags), pause_before: [] },
        }),
      ),
    onSuccess: made => {
      close()
      void navigate({ to: '/executions/$id', params: { id: made.id } })
    },
  })
  return (
    <form
      className="flex flex-col gap-3"
      onSubmit={event => {
        event.preventDefault()
        if ('inputs' in read) start.mutate(read.inputs)
      }}
    >
      {deployed !== undefined && (
        <label className="flex flex-col gap-1">
          Version
          <select className="field" value={at} onChange={event => setAt(event.target.value)}>
            {choices(deployed).map(one => (
              <option key={one.at} value={one.at}>
                {one.word}
              </option>
            ))}
          </select>
        </label>
      )}
      <label className="flex flex-col gap-1">
        Inputs, as JSON
        <textarea
          className="field font-mono text-xs leading-5"
          rows={Math.min(16, Math.max(4, text.split('\n').length + 1))}
          spellCheck={false}
          value={text}
          aria-invalid={'error' in read}
          aria-describedby="start-inputs"
          onChange={event => setText(event.target.value)}
        />
        <span id="start-inputs" className={`text-xs ${'error' in read ? 'text-failed' : 'text-soft'}`}>
          {'error' in read
            ? read.error
            : hasRun
              ? 'They begin as those of the newest execution.'
              : 'It has not run here yet: its arguments, by name.'}
        </span>
      </label>
      <label className="flex flex-col gap-1">
        Tags, with commas between them (optional)
        <input className="field" value={tags} onChange={event => setTags(event.target.value)} />
      </label>
      {start.isError && <Trouble error={start.error} />}
      <div className="flex justify-end gap-2">
        <Button onClick={close}>Back</Button>
        <Button kind="strong" type="submit" icon="play" busy={start.isPending} disabled={'error' in read}>
          Start
        </Button>
      </div>
    </form>
  )
}
