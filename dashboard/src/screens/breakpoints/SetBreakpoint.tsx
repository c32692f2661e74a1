// A form that sets a breakpoint. The calls that its flow has made are offered by name.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useId, useState } from 'react'
import { api, body } from '../../api/client'
import { flow as flowQuery, flows } from '../../api/queries'
import type { Breakpoint, CallWithValues } from '../../api/schema'
import { Button } from '../../ui/Button'
import { Dialog } from '../../ui/Dialog'
import { Trouble } from '../../ui/Notice'

interface Props {
  /** Of this flow; else one is chosen. */
  flow?: string
  /** The call that it begins with. */
  call?: CallWithValues
  close: () => void
}

export function SetBreakpoint({ flow: given, call, close }: Props) {
  const client = useQueryClient()
  const known = useQuery(flows())
  const [chosen, choose] = useState(given ?? '')
  const flow = chosen === '' ? (known.data?.items[0]?.flow ?? '') : chosen
  const shape = useQuery({ ...flowQuery(flow), enabled: flow !== '' })
  const [before, setBefore] = useState(call?.key ?? '')
  const [every, setEvery] = useState(false)
  const [when, setWhen] = useState('')
  const [said, say] = useState<Breakpoint | null>(null)
  const list = useId()
  const set = useMutation({
    mutationFn: () =>
      body(api.POST('/api/v1/breakpoints', { body: { flow, before, every, when: when.trim() === '' ? null : when } })),
    onSuccess: made => {
      void client.invalidateQueries({ queryKey: ['breakpoints'] })
      // Where no call like that is on record, that is worth a look.
      if (made.note) say(made)
      else close()
    },
  })
  if (said?.note) {
    return (
      <Dialog title="It is set" onClose={close}>
        <p role="status">{said.note}</p>
        <div className="mt-4 flex justify-end">
          <Button kind="strong" onClick={close}>
            Good
          </Button>
        </div>
      </Dialog>
    )
  }
  return (
    <Dialog title={given === undefined ? 'Set a breakpoint' : `Pause ${given} before a call`} onClose={close}>
      <form
        className="flex flex-col gap-3"
        onSubmit={event => {
          event.preventDefault()
          set.mutate()
        }}
      >
        {given === undefined && (
          <label className="flex flex-col gap-1">
            Flow
            <select className="field" value={flow} required onChange={event => choose(event.target.value)}>
              {known.data?.items.map(one => (
                <option key={one.flow} value={one.flow}>
                  {one.flow}
                </option>
              ))}
            </select>
          </label>
        )}
        <label className="flex flex-col gap-1">
          Before
          <input
            className="field font-mono"
            {...(call === undefined ? { list } : {})}
            value={before}
            required
            autoComplete="off"
            onChange={event => setBefore(event.target.value)}
          />
          <span className="text-soft text-xs">
            Every call of a checkpoint (<code>{call?.name ?? 'analyze'}</code>), one of them (
            <code>{call?.key ?? 'analyze#3'}</code>), or a step (<code>step {call?.step ?? 14}</code>).
          </span>
          <datalist id={list}>
            {shape.data?.shape.map(one => (
              <option key={one.name} value={one.name} />
            ))}
          </datalist>
        </label>
        <label className="flex flex-col gap-1">
          Only when (optional)
          <input
            className="field font-mono"
            placeholder="inputs.topic == 'tea'"
            value={when}
            onChange={event => setWhen(event.target.value)}
          />
        </label>
        <label className="flex items-center gap-2">
          <input type="checkbox" checked={every} onChange={event => setEvery(event.target.checked)} />
          Stay after it was met
        </label>
        {known.isError && <Trouble error={known.error} />}
        {set.isError && <Trouble error={set.error} />}
        <div className="flex justify-end gap-2">
          <Button onClick={close}>Back</Button>
          <Button kind="strong" type="submit" busy={set.isPending} disabled={flow === ''}>
            Set the breakpoint
          </Button>
        </div>
      </form>
    </Dialog>
  )
}
