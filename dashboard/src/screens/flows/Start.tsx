// Starts a flow with inputs of one's own. It begins with those of the newest execution: a flow's signature is in its
// code, which is not loaded here.
import { useMutation, useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useMemo, useState } from 'react'
import { api, body, once } from '../../api/client'
import { execution } from '../../api/queries'
import { asText, readInputs } from '../../model/inputs'
import type { Json } from '../../model/value'
import { Button } from '../../ui/Button'
import { Dialog } from '../../ui/Dialog'
import { Loading, Trouble } from '../../ui/Notice'

export function Start({ flow, newest, close }: { flow: string; newest: string; close: () => void }) {
  const { data, error } = useQuery(execution(newest))
  return (
    <Dialog title={`Start ${flow}`} onClose={close}>
      {error && <Trouble error={error} />}
      {data === undefined && !error && <Loading what="the newest inputs" />}
      {data && <Form flow={flow} inputs={data.inputs as Json} close={close} />}
    </Dialog>
  )
}

function Form({ flow, inputs, close }: { flow: string; inputs: Json; close: () => void }) {
  const navigate = useNavigate()
  const [text, setText] = useState(() => asText(inputs))
  const [tags, setTags] = useState('')
  // Sent again after a lost connection, the same request starts once.
  // biome-ignore lint/correctness/useExhaustiveDependencies: what is asked for has a key of its own
  const key = useMemo(once, [text, tags])
  const given = readInputs(text)
  const start = useMutation({
    mutationFn: (inputs: Record<string, Json>) =>
      body(
        api.POST('/api/v1/executions', {
          params: { header: key },
          body: {
            flow,
            inputs,
            tags: tags
              .split(',')
              .map(tag => tag.trim())
              .filter(Boolean),
            pause_before: [],
          },
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
        if ('inputs' in given) start.mutate(given.inputs)
      }}
    >
      <label className="flex flex-col gap-1">
        Inputs, as JSON
        <textarea
          className="field font-mono text-xs leading-5"
          rows={Math.min(16, Math.max(4, text.split('\n').length + 1))}
          spellCheck={false}
          value={text}
          aria-invalid={'error' in given}
          aria-describedby="start-inputs"
          onChange={event => setText(event.target.value)}
        />
        <span id="start-inputs" className={`text-xs ${'error' in given ? 'text-failed' : 'text-soft'}`}>
          {'error' in given ? given.error : 'They begin as those of the newest execution.'}
        </span>
      </label>
      <label className="flex flex-col gap-1">
        Tags, with commas between them (optional)
        <input className="field" value={tags} onChange={event => setTags(event.target.value)} />
      </label>
      {start.isError && <Trouble error={start.error} />}
      <div className="flex justify-end gap-2">
        <Button onClick={close}>Back</Button>
        <Button kind="strong" type="submit" icon="play" busy={start.isPending} disabled={'error' in given}>
          Start
        </Button>
      </div>
    </form>
  )
}
