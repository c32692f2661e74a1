// One schedule: what it starts and when, and how that went; opened, all that is known of it.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { api, body } from '../../api/client'
import type { Schedule } from '../../api/schema'
import { label, wall } from '../../model/schedule'
import { Ago } from '../../ui/Ago'
import { Button } from '../../ui/Button'
import { Icon } from '../../ui/Icon'
import { Trouble } from '../../ui/Notice'
import { Status } from '../../ui/Status'
import { ScheduleMore } from './ScheduleMore'

export function ScheduleRow({ of, remove }: { of: Schedule; remove: () => void }) {
  const client = useQueryClient()
  const [open, setOpen] = useState(false)
  const steer = useMutation({
    mutationFn: (what: 'pause' | 'resume') => {
      const asked = { params: { path: { name: of.name } }, body: {} }
      return what === 'pause'
        ? body(api.POST('/api/v1/schedules/{name}/pause', asked))
        : body(api.POST('/api/v1/schedules/{name}/resume', asked))
    },
    onSettled: () => client.invalidateQueries({ queryKey: ['overview', 'schedules'] }),
  })
  return (
    <li aria-label={of.name} className="flex flex-col gap-2 border-line border-t px-4 py-3 first:border-t-0">
      <div className="flex flex-wrap items-start gap-x-6 gap-y-2">
        <div className="min-w-0 flex-1 basis-64">
          <p className="flex flex-wrap items-center gap-x-2 gap-y-1">
            <span className="wrap-anywhere font-medium">{of.name}</span>
            {of.paused !== null && (
              <span className="inline-flex items-center gap-1 rounded-full bg-paused-fill px-2 py-0.5 text-paused text-xs">
                <Icon name="pause" className="size-3" />
                paused
              </span>
            )}
          </p>
          <p className="wrap-anywhere text-sm">
            <Link to="/flows/$flow" params={{ flow: of.flow }} className="font-medium text-link hover:underline">
              {of.flow}
            </Link>{' '}
            at <code className="font-mono text-xs">{of.cron}</code> <span className="text-soft">({of.timezone})</span>
          </p>
          <Paused of={of} />
        </div>
        <dl className="num grid w-full max-w-80 basis-72 grid-cols-[3rem_minmax(0,1fr)] gap-x-2 gap-y-0.5 text-sm [&_dt]:text-soft">
          <dt>Next</dt>
          <dd>
            <Next of={of} />
          </dd>
          <dt>Last</dt>
          <dd className="flex flex-wrap items-center gap-x-2">
            <Last of={of} />
          </dd>
        </dl>
        <div className="flex flex-wrap gap-1.5 md:w-48 md:justify-end">
          {of.paused === null ? (
            <Button
              icon="pause"
              aria-label={`Pause ${of.name}`}
              busy={steer.isPending}
              onClick={() => steer.mutate('pause')}
            >
              Pause
            </Button>
          ) : (
            <Button
              icon="play"
              aria-label={`Resume ${of.name}`}
              busy={steer.isPending}
              onClick={() => steer.mutate('resume')}
            >
              Resume
            </Button>
          )}
          <Button kind="danger" aria-label={`Remove ${of.name}`} onClick={remove}>
            Remove
          </Button>
        </div>
      </div>
      {of.problem !== null && (
        <p className="wrap-anywhere rounded-md bg-failed-fill px-3 py-2 text-failed text-sm">
          Its last tick could not begin: <span>{of.problem}</span>
        </p>
      )}
      {steer.isError && <Trouble error={steer.error} />}
      <details onToggle={event => setOpen(event.currentTarget.open)}>
        <summary className="w-fit rounded-md py-1 text-link text-sm hover:underline">
          Ticks, inputs and executions<span className="sr-only"> of {of.name}</span>
        </summary>
        {open && <ScheduleMore of={of} />}
      </details>
    </li>
  )
}

/** Who has paused it: somebody, or it itself after ticks that could not begin. */
function Paused({ of: { paused } }: { of: Schedule }) {
  if (paused === null) return null
  return (
    <p className="wrap-anywhere text-soft text-sm">
      Paused by <span>{paused.by}</span> <Ago at={paused.at} />
      {paused.why !== null && (
        <>
          : <span>{paused.why}</span>
        </>
      )}
    </p>
  )
}

function Next({ of }: { of: Schedule }) {
  const [next] = of.next
  if (of.paused !== null) return <span className="text-soft">when it is resumed</span>
  if (next === undefined) return <span className="text-soft">never</span>
  return (
    <>
      <Ago at={next.at} /> <span className="whitespace-nowrap text-soft">{wall(next.local)}</span>
    </>
  )
}

function Last({ of: { last, name } }: { of: Schedule }) {
  if (last === null) return <span className="text-soft">none yet</span>
  return (
    <>
      {last.status === null ? (
        <span className="text-soft">deleted</span>
      ) : (
        <Link
          to="/executions/$id"
          params={{ id: last.execution }}
          aria-label={`The last execution of ${name}: ${last.status}`}
          className="hover:underline"
        >
          <Status of={last.status} />
        </Link>
      )}
      <Ago at={last.tick} />
      <Link to="/executions" search={{ tag: label(name) }} className="text-link text-xs hover:underline">
        All<span className="sr-only"> executions of {name}</span>
      </Link>
    </>
  )
}
