// A form that sets what a limit is, in place of what it was.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { api, body } from '../../api/client'
import type { Limit } from '../../api/schema'
import { type Setting, settingOf, typedOf } from '../../model/limit'
import { Button } from '../../ui/Button'
import { Dialog } from '../../ui/Dialog'
import { Trouble } from '../../ui/Notice'

const NONE = { at_once: null, rate: null, burst: null }

export function SetLimit({ limit, close }: { limit: Limit | null; close: () => void }) {
  const client = useQueryClient()
  const [name, setName] = useState(limit?.name ?? '')
  const [typed, type] = useState(() => typedOf(limit ?? NONE))
  const [tried, setTried] = useState(false)
  const setting = settingOf(typed)
  const set = useMutation({
    mutationFn: (setting: Setting) =>
      body(api.POST('/api/v1/limits/{name}', { params: { path: { name } }, body: setting })),
    onSuccess: close,
    onSettled: () => client.invalidateQueries({ queryKey: ['limits'] }),
  })
  const put = (change: Partial<typeof typed>) => type({ ...typed, ...change })
  return (
    <Dialog title={limit === null ? 'Set a limit' : `What ${limit.name} is`} onClose={close}>
      <form
        className="flex flex-col gap-3"
        noValidate={limit !== null}
        onSubmit={event => {
          event.preventDefault()
          setTried(true)
          if (!('wrong' in setting)) set.mutate(setting)
        }}
      >
        {limit === null && (
          <label className="flex flex-col gap-1">
            Name
            <input
              className="field font-mono"
              placeholder="openai:gpt"
              value={name}
              required
              autoComplete="off"
              onChange={event => setName(event.target.value)}
            />
            <span className="text-soft text-xs">
              What calls say: <code>@checkpoint(limit="{name || 'openai:gpt'}")</code>.
            </span>
          </label>
        )}
        <label className="flex flex-col gap-1">
          Run at once
          <input
            className="field"
            inputMode="numeric"
            placeholder="any number"
            value={typed.atOnce}
            autoComplete="off"
            onChange={event => put({ atOnce: event.target.value })}
          />
        </label>
        <label className="flex flex-col gap-1">
          Begin in a time
          <input
            className="field font-mono"
            placeholder="any number"
            value={typed.rate}
            autoComplete="off"
            onChange={event => put({ rate: event.target.value })}
          />
          <span className="text-soft text-xs">
            <code>50/s</code>, <code>3000/m</code>, <code>500/h</code> or <code>1/10s</code>; evenly apart.
          </span>
        </label>
        <label className="flex flex-col gap-1">
          Of these, together after a pause
          <input
            className="field"
            inputMode="numeric"
            placeholder="1"
            value={typed.burst}
            autoComplete="off"
            onChange={event => put({ burst: event.target.value })}
          />
        </label>
        <p className="text-soft text-sm">It holds for all that begin from now on. Calls that run go on.</p>
        {tried && 'wrong' in setting && (
          <p role="alert" className="text-failed text-sm">
            {setting.wrong}
          </p>
        )}
        {set.isError && <Trouble error={set.error} />}
        <div className="flex justify-end gap-2">
          <Button onClick={close}>Back</Button>
          <Button kind="strong" type="submit" busy={set.isPending}>
            Set the limit
          </Button>
        </div>
      </form>
    </Dialog>
  )
}
