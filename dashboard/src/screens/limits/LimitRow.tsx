// One limit: its rule, its turns, its gate, and what can be done about it.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { api, body } from '../../api/client'
import type { Limit } from '../../api/schema'
import { closedUntil, rule } from '../../model/limit'
import { count } from '../../model/money'
import { Ago, useNow } from '../../ui/Ago'
import { Button } from '../../ui/Button'
import { Icon } from '../../ui/Icon'
import { Trouble } from '../../ui/Notice'
import type { Asked } from './LimitsScreen'

/** Places that are drawn; more of them would be too small to be seen. */
const DRAWN = 40

export function LimitRow({ limit, ask }: { limit: Limit; ask: (what: Asked) => void }) {
  const client = useQueryClient()
  const open = useMutation({
    mutationFn: () =>
      body(api.POST('/api/v1/limits/{name}/open', { params: { path: { name: limit.name } }, body: {} })),
    onSettled: () => client.invalidateQueries({ queryKey: ['limits'] }),
  })
  const until = closedUntil(limit, useNow())
  const says = rule(limit)
  return (
    <li aria-label={limit.name} className="flex flex-col gap-2 border-line border-t px-4 py-3 first:border-t-0">
      <div className="flex flex-wrap items-start gap-x-6 gap-y-2">
        <div className="min-w-0 flex-1 basis-64">
          <p className="flex flex-wrap items-center gap-x-2 gap-y-1">
            <code className="wrap-anywhere font-medium font-mono">{limit.name}</code>
            {until !== null && (
              <span className="inline-flex items-center gap-1 rounded-full bg-interrupted-fill px-2 py-0.5 text-interrupted text-xs">
                <Icon name="stop" className="size-3" />
                closed, opens <Ago at={until} />
              </span>
            )}
          </p>
          <p className={`num wrap-anywhere text-sm ${says === null ? 'text-waiting' : ''}`}>
            {says ?? 'Nobody has set it: it holds nothing back.'}
          </p>
          {until !== null && (
            <p className="wrap-anywhere text-soft text-sm">
              Closed by <span>{limit.closed_by}</span>: <span>{limit.closed_why}</span>
            </p>
          )}
          <p className="num wrap-anywhere text-soft text-xs">
            {limit.given === 1 ? '1 turn' : `${count(limit.given)} turns`} given so far
            {limit.set_at !== null && (
              <>
                {' '}
                · set by <span>{limit.set_by}</span> <Ago at={limit.set_at} />
              </>
            )}
          </p>
        </div>
        <Turns of={limit} />
        <div className="flex flex-wrap gap-1.5 md:w-60 md:justify-end">
          <Button aria-label={`Change ${limit.name}`} onClick={() => ask('set')}>
            {says === null ? 'Set' : 'Change'}
          </Button>
          {until === null ? (
            <Button aria-label={`Close ${limit.name}`} onClick={() => ask('close')}>
              Close
            </Button>
          ) : (
            <Button aria-label={`Open ${limit.name}`} busy={open.isPending} onClick={() => open.mutate()}>
              Open
            </Button>
          )}
          {says !== null && (
            <Button kind="danger" aria-label={`Remove ${limit.name}`} onClick={() => ask('remove')}>
              Remove
            </Button>
          )}
        </div>
      </div>
      {open.isError && <Trouble error={open.error} />}
    </li>
  )
}

function Turns({ of }: { of: Limit }) {
  const most = of.at_once
  const isFull = most !== null && of.running >= most
  return (
    <div className="w-full sm:max-w-56 sm:basis-48">
      <p className="num flex gap-3 text-sm">
        <span>
          {of.running} {most === null ? (of.running === 1 ? 'runs' : 'run') : `of ${most} run`}
        </span>
        <span className={`ml-auto ${of.waiting > 0 ? 'text-waiting' : 'text-soft'}`}>
          {of.waiting === 0 ? 'nobody waits' : `${of.waiting} ${of.waiting === 1 ? 'waits' : 'wait'}`}
        </span>
      </p>
      {most !== null && (
        <div aria-hidden="true" className="mt-1.5 flex gap-0.5">
          {Array.from({ length: Math.min(most, DRAWN) }, (_, place) => (
            <span
              // biome-ignore lint/suspicious/noArrayIndexKey: places never change
              key={place}
              className={`h-1.5 flex-1 rounded-full ${place < (of.running * Math.min(most, DRAWN)) / most ? (isFull ? 'bg-waiting' : 'bg-running') : 'bg-sunk'}`}
            />
          ))}
        </div>
      )}
    </div>
  )
}
