// Sets a breakpoint before a call: the next run of the flow pauses there.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { api, body } from '../../api/client'
import type { CallWithValues } from '../../api/schema'
import { Button } from '../../ui/Button'
import { Dialog } from '../../ui/Dialog'
import { Trouble } from '../../ui/Notice'

export function BreakHere({ flow, call }: { flow: string; call: CallWithValues }) {
  const [open, setOpen] = useState(false)
  return (
    <>
      <Button icon="pausePoint" onClick={() => setOpen(true)}>
        Break before
      </Button>
      {open && <Setting flow={flow} call={call} close={() => setOpen(false)} />}
    </>
  )
}

function Setting({ flow, call, close }: { flow: string; call: CallWithValues; close: () => void }) {
  const client = useQueryClient()
  const [before, setBefore] = useState(call.key)
  const [every, setEvery] = useState(false)
  const [when, setWhen] = useState('')
  const set = useMutation({
    mutationFn: () =>
      body(api.POST('/api/v1/breakpoints', { body: { flow, before, every, when: when.trim() === '' ? null : when } })),
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: ['breakpoints'] })
      close()
    },
  })
  return (
    <Dialog title={`Pause ${flow} before a call`} onClose={close}>
      <form
        className="flex flex-col gap-3"
        onSubmit={event => {
          event.preventDefault()
          set.mutate()
        }}
      >
        <label className="flex flex-col gap-1">
          Before
          <input
            className="field font-mono"
            value={before}
            required
            onChange={event => setBefore(event.target.value)}
          />
          <span className="text-soft text-xs">
            A call ({call.key}), every call of a checkpoint ({call.name}), or a step (step {call.step}).
          </span>
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
        {set.isError && <Trouble error={set.error} />}
        <div className="flex justify-end gap-2">
          <Button onClick={close}>Back</Button>
          <Button kind="strong" type="submit" busy={set.isPending}>
            Set the breakpoint
          </Button>
        </div>
      </form>
    </Dialog>
  )
}
