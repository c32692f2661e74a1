// One change: a line, which opens to what was given and how the thing was before and afterwards.
import { Link } from '@tanstack/react-router'
import { lazy, Suspense, useState } from 'react'
import type { Change } from '../../api/schema'
import { short } from '../../model/ids'
import type { Json } from '../../model/value'
import { Ago } from '../../ui/Ago'
import { Icon } from '../../ui/Icon'
import { Loading } from '../../ui/Notice'
import { Value } from '../../ui/Value'

const ValueDiff = lazy(() => import('../../ui/ValueDiff'))

/** An identifier of an execution, as they are made. */
const EXECUTION = /^[0-9a-f]{8}-[0-9a-f]{4}-/

export function ChangeRow({ change }: { change: Change }) {
  const [open, setOpen] = useState(false)
  return (
    <li className="border-line border-t first:border-t-0">
      <details onToggle={event => setOpen(event.currentTarget.open)}>
        <summary className="grid grid-cols-[1rem_minmax(0,1fr)_auto] items-center gap-x-3 px-4 py-2.5 hover:bg-sunk md:grid-cols-[1rem_minmax(0,12rem)_minmax(0,10rem)_minmax(0,1fr)_7rem_6rem]">
          <Icon name="chevron" className={`size-3.5 text-soft ${open ? 'rotate-90' : ''}`} />
          <span className="truncate font-medium">{words(change.act)}</span>
          <span className="truncate text-soft text-sm max-md:col-start-2 max-md:row-start-2">
            {change.target === null ? '' : named(change.target)}
          </span>
          <span className="truncate text-sm max-md:hidden">
            by {change.by} <span className="text-soft">from {change.from}</span>
          </span>
          <Outcome of={change.outcome} />
          <span className="text-right text-soft text-sm max-md:col-start-3 max-md:row-start-2">
            <Ago at={change.at} />
          </span>
        </summary>
        {open && <More change={change} />}
      </details>
    </li>
  )
}

/** `answerWait` as `answer wait`. */
const words = (act: string) =>
  act.replace(/([a-z])([A-Z])/g, (_, end, begin) => `${end} ${begin.toLowerCase()}`).replaceAll('_', ' ')

const named = (target: string) => (EXECUTION.test(target) ? short(target) : target)

function Outcome({ of }: { of: string | null }) {
  const look =
    of === 'done'
      ? 'bg-completed-fill text-completed'
      : of === null
        ? 'bg-sunk text-soft'
        : 'bg-failed-fill text-failed'
  return (
    <span className={`w-fit max-w-full truncate rounded-full px-2 py-0.5 text-xs ${look}`}>{of ?? 'nobody said'}</span>
  )
}

function More({ change }: { change: Change }) {
  return (
    <div className="grid gap-4 border-line border-t bg-page px-4 py-3 md:grid-cols-2">
      <div className="min-w-0">
        <h3 className="mb-1 font-medium text-soft text-xs">Asked</h3>
        <p className="wrap-anywhere">
          by{' '}
          <Link to="/audit" search={{ by: change.by }} className="text-link hover:underline">
            {change.by}
          </Link>{' '}
          from {change.from}
          {change.token !== null && (
            <>
              {' '}
              with the token{' '}
              <Link to="/audit" search={{ by: change.token }} className="font-mono text-link text-xs hover:underline">
                {change.token}
              </Link>
            </>
          )}
        </p>
        {change.target !== null && (
          <p className="wrap-anywhere">
            of{' '}
            {EXECUTION.test(change.target) ? (
              <Link
                to="/executions/$id"
                params={{ id: change.target }}
                className="font-mono text-link text-xs hover:underline"
              >
                {change.target}
              </Link>
            ) : (
              <code className="font-mono text-xs">{change.target}</code>
            )}
          </p>
        )}
        {change.given !== null && (
          <>
            <h3 className="mt-3 mb-1 font-medium text-soft text-xs">Given; values by kind and size</h3>
            <Value name="given" value={change.given} />
          </>
        )}
      </div>
      <div className="min-w-0">
        <h3 className="mb-1 font-medium text-soft text-xs">Before and afterwards</h3>
        <Suspense fallback={<Loading what="the difference" />}>
          <States change={change} />
        </Suspense>
      </div>
    </div>
  )
}

/** How the thing was and is; of an answer that says more than that, that too. */
function States({ change }: { change: Change }) {
  const before = change.before as Json
  const { execution, ...said } = (change.after ?? {}) as { [name: string]: Json }
  if (before === null && change.after === null) return <p className="text-soft">Nothing is known of it.</p>
  return (
    <>
      {(before !== null || execution !== undefined) && <ValueDiff before={before ?? {}} after={execution ?? {}} />}
      {Object.keys(said).length > 0 && <Value name="what was answered" value={said} />}
    </>
  )
}
