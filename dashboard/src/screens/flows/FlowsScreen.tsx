// The flows that have run: how many executions are in which state, and how the last month went.
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useMemo } from 'react'
import { flows, statistics } from '../../api/queries'
import type { Flows } from '../../api/schema'
import { dollars } from '../../model/money'
import { lookOf, STATUSES } from '../../model/status'
import { type Day, share, sum, trend } from '../../model/trends'
import { Icon } from '../../ui/Icon'
import { Loading, Trouble } from '../../ui/Notice'
import { Page } from '../../ui/Page'
import { FirstUse } from '../executions/FirstUse'
import { Spark } from './Spark'

const DAYS = 30

export function FlowsScreen() {
  const query = useQuery(flows())
  const past = useQuery(statistics(DAYS))
  const days = useMemo(() => {
    const rows = past.data?.items ?? []
    const names = new Set(rows.map(row => row.flow))
    const now = Date.now()
    return new Map(
      [...names].map((flow): [string, Day[]] => [
        flow,
        trend(
          rows.filter(row => row.flow === flow),
          DAYS,
          now,
        ),
      ]),
    )
  }, [past.data])
  return (
    <Page title="Flows">
      {query.isPending && <Loading what="flows" />}
      {query.isError && <Trouble error={query.error} again={() => void query.refetch()} />}
      {query.data?.items.length === 0 && <FirstUse />}
      {query.data && query.data.items.length > 0 && (
        <ul className="grid gap-3 lg:grid-cols-2">
          {query.data.items.map(one => (
            <Card key={one.flow} of={one} days={days.get(one.flow) ?? []} />
          ))}
        </ul>
      )}
    </Page>
  )
}

function Card({ of, days }: { of: Flows['items'][number]; days: Day[] }) {
  const past = sum(days)
  return (
    <li className="sheet relative flex flex-col gap-3 p-4 hover:border-edge">
      <div className="flex items-start gap-3">
        <div className="min-w-0 flex-1">
          <Link
            to="/flows/$flow"
            params={{ flow: of.flow }}
            className="wrap-anywhere font-semibold text-lg after:absolute after:inset-0 hover:underline"
          >
            {of.flow}
          </Link>
          <p className="num text-soft text-sm">
            {past.executions === 0
              ? `nothing in ${DAYS} days`
              : `${past.executions} in ${DAYS} days · ${share(past.failed, past.executions)} failed`}
            {past.cost > 0 && ` · ${dollars(past.cost)}`}
          </p>
        </div>
        <Spark days={days} />
      </div>
      <Counts of={of} />
    </li>
  )
}

/** How many are in which state, each a link to them. */
export function Counts({ of }: { of: Flows['items'][number] }) {
  const there = STATUSES.filter(status => (of.executions[status] ?? 0) > 0)
  return (
    <ul className="relative z-10 flex w-fit flex-wrap gap-1.5">
      {there.map(status => {
        const look = lookOf(status)
        return (
          <li key={status}>
            <Link
              to="/executions"
              search={{ flow: of.flow, status }}
              className={`num inline-flex items-center gap-1 rounded-full py-0.5 pr-2 pl-1.5 font-medium text-xs hover:underline ${look.text} ${look.fill}`}
            >
              <Icon name={look.icon} className="size-3" />
              {of.executions[status]} {look.word}
            </Link>
          </li>
        )
      })}
    </ul>
  )
}
