// A form that adds a schedule. Its inputs begin as those of the flow's newest execution; the server fits them to the
// flow's signature.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect, useId, useState } from 'react'
import { api, body } from '../../api/client'
import { deployments, flows } from '../../api/queries'
import { namesOf } from '../../model/deployed'
import { type Adding, addingOf, OVERLAPS, type Typed } from '../../model/schedule'
import { Button } from '../../ui/Button'
import { Dialog } from '../../ui/Dialog'
import { Trouble } from '../../ui/Notice'
import { useNewestInputs } from '../flows/useNewestInputs'

const BEGINNING: Typed = {
  flow: '',
  cron: '',
  timezone: '',
  name: '',
  inputs: '',
  tags: '',
  overlap: 'skip',
  backfill: false,
}

export function AddSchedule({ close }: { close: () => void }) {
  const client = useQueryClient()
  const [typed, type] = useState(BEGINNING)
  // What somebody has typed is theirs, whatever flow is chosen then.
  const [isOwn, setOwn] = useState(false)
  const put = (change: Partial<Typed>) => type(typed => ({ ...typed, ...change }))
  const known = useQuery(flows())
  const deployed = useQuery(deployments())
  const targets = [
    ...(known.data?.items.map(one => one.flow) ?? []),
    ...(deployed.data?.items.flatMap(one => namesOf(one).map(name => `${one.flow}@${name}`)) ?? []),
  ]
  const { text: newest } = useNewestInputs(typed.flow.replace(/@[^@]*$/, ''))
  useEffect(() => {
    if (!isOwn && newest !== undefined) type(typed => ({ ...typed, inputs: newest }))
  }, [newest, isOwn])
  const [flowsList, zones, inputsHelp] = [useId(), useId(), useId()]
  const adding = addingOf(typed)
  const add = useMutation({
    mutationFn: (adding: Adding) => body(api.POST('/api/v1/schedules', { body: adding })),
    onSuccess: close,
    onSettled: () => client.invalidateQueries({ queryKey: ['overview', 'schedules'] }),
  })
  return (
    <Dialog title="Add a schedule" onClose={close}>
      <form
        className="flex flex-col gap-3"
        onSubmit={event => {
          event.preventDefault()
          if (!('wrong' in adding)) add.mutate(adding)
        }}
      >
        <label className="flex flex-col gap-1">
          Flow
          <input
            className="field"
            list={flowsList}
            value={typed.flow}
            required
            autoComplete="off"
            onChange={event => put({ flow: event.target.value })}
          />
          <span className="text-soft text-xs">
            One that has run here, or a deployment: <code>{typed.flow.split('@')[0] || 'agent'}@prod</code>.
          </span>
          <datalist id={flowsList}>
            {targets.map(one => (
              <option key={one} value={one} />
            ))}
          </datalist>
        </label>
        <div className="grid gap-3 sm:grid-cols-2">
          <label className="flex flex-col gap-1">
            When
            <input
              className="field font-mono"
              placeholder="30 6 * * mon-fri"
              value={typed.cron}
              required
              autoComplete="off"
              onChange={event => put({ cron: event.target.value })}
            />
            <span className="text-soft text-xs">Minute, hour, day, month, day of the week; or @daily.</span>
          </label>
          <label className="flex flex-col gap-1">
            Time zone
            <input
              className="field"
              list={zones}
              placeholder="UTC"
              value={typed.timezone}
              autoComplete="off"
              onChange={event => put({ timezone: event.target.value })}
            />
            <span className="text-soft text-xs">Yours is {Intl.DateTimeFormat().resolvedOptions().timeZone}.</span>
            <datalist id={zones}>
              {Intl.supportedValuesOf('timeZone').map(one => (
                <option key={one} value={one} />
              ))}
            </datalist>
          </label>
        </div>
        <label className="flex flex-col gap-1">
          Inputs, as JSON
          <textarea
            className="field font-mono text-xs leading-5"
            rows={Math.min(10, Math.max(3, typed.inputs.split('\n').length + 1))}
            spellCheck={false}
            value={typed.inputs}
            aria-invalid={'wrong' in adding}
            aria-describedby={inputsHelp}
            onChange={event => {
              setOwn(true)
              put({ inputs: event.target.value })
            }}
          />
          <span id={inputsHelp} className={`text-xs ${'wrong' in adding ? 'text-failed' : 'text-soft'}`}>
            {'wrong' in adding
              ? adding.wrong
              : 'They begin as those of the newest execution, and stay as they are now.'}
          </span>
        </label>
        <label className="flex flex-col gap-1">
          While the one before has not ended
          <select
            className="field"
            value={typed.overlap}
            onChange={event => put({ overlap: event.target.value as Typed['overlap'] })}
          >
            {OVERLAPS.map(one => (
              <option key={one.overlap} value={one.overlap}>
                {one.word}: {one.says}
              </option>
            ))}
          </select>
        </label>
        <label className="flex items-center gap-2">
          <input type="checkbox" checked={typed.backfill} onChange={event => put({ backfill: event.target.checked })} />
          Make up for all ticks that were missed while nobody worked, and not for the latest alone
        </label>
        <div className="grid gap-3 sm:grid-cols-2">
          <label className="flex flex-col gap-1">
            Name (optional)
            <input
              className="field"
              placeholder="as the flow"
              value={typed.name}
              pattern="[A-Za-z0-9._\-]{1,64}"
              title="1 to 64 letters, digits and . _ -"
              autoComplete="off"
              onChange={event => put({ name: event.target.value })}
            />
          </label>
          <label className="flex flex-col gap-1">
            Labels, with commas (optional)
            <input
              className="field"
              value={typed.tags}
              autoComplete="off"
              onChange={event => put({ tags: event.target.value })}
            />
          </label>
        </div>
        {known.isError && <Trouble error={known.error} />}
        {add.isError && <Trouble error={add.error} />}
        <div className="flex justify-end gap-2">
          <Button onClick={close}>Back</Button>
          <Button kind="strong" type="submit" busy={add.isPending} disabled={'wrong' in adding}>
            Add the schedule
          </Button>
        </div>
      </form>
    </Dialog>
  )
}
