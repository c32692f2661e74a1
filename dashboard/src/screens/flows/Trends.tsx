// How a flow went day by day: executions and failures, how long they took, what they cost. Drawn, and as a table for
// who reads it otherwise.
import { useQuery } from '@tanstack/react-query'
import { getRouteApi, Link } from '@tanstack/react-router'
import { lazy, Suspense, useMemo } from 'react'
import { statistics } from '../../api/queries'
import { dollars } from '../../model/money'
import { span } from '../../model/time'
import { type Day, share, sum, trend } from '../../model/trends'
import { Loading, Trouble } from '../../ui/Notice'

const Chart = lazy(() => import('./Chart'))
const route = getRouteApi('/flows/$flow')

const SPANS = [7, 30, 90]

export function Trends({ flow }: { flow: string }) {
  const { days: chosen } = route.useSearch()
  const days = SPANS.find(one => String(one) === chosen) ?? 30
  const { data, error } = useQuery(statistics(days))
  const all = useMemo(
    () => trend(data?.items.filter(row => row.flow === flow) ?? [], days, Date.now()),
    [data, flow, days],
  )
  const past = sum(all)
  return (
    <section aria-label="Trends" className="sheet">
      <header className="flex flex-wrap items-baseline gap-x-3 px-4 pt-3 pb-2">
        <h2 className="font-medium text-sm">By day</h2>
        <p className="num text-soft text-xs">
          {past.executions} executions · {share(past.failed, past.executions)} failed · {dollars(past.cost)}
        </p>
        <nav aria-label="How far back" className="ml-auto flex gap-1">
          {SPANS.map(one => (
            <Link
              key={one}
              to="/flows/$flow"
              params={{ flow }}
              search={one === 30 ? {} : { days: String(one) }}
              replace
              resetScroll={false}
              activeOptions={{ exact: true }}
              className="num rounded-sm px-2 py-0.5 text-soft text-xs hover:bg-sunk aria-[current=page]:bg-sunk aria-[current=page]:text-ink"
            >
              {one} days
            </Link>
          ))}
        </nav>
      </header>
      {error && <Trouble error={error} />}
      {data === undefined && !error && <Loading what="trends" />}
      {data && (
        <>
          <div className="grid gap-4 px-4 pb-3 lg:grid-cols-3">
            <Suspense fallback={<Held />}>
              <Chart
                title="Executions"
                days={all}
                kind="bars"
                lines={[
                  { name: 'all', of: day => day.executions, colour: 'sleeping' },
                  { name: 'failed', of: day => day.failed, colour: 'failed' },
                ]}
                show={number => String(Math.round(number))}
              />
              <Chart
                title="Time"
                days={all}
                kind="lines"
                lines={[
                  { name: 'longest', of: day => day.longest, colour: 'sleeping' },
                  { name: 'mean', of: day => day.mean, colour: 'running' },
                ]}
                show={span}
              />
              <Chart
                title="Cost"
                days={all}
                kind="bars"
                lines={[{ name: 'cost', of: day => day.cost, colour: 'sleeping' }]}
                show={dollars}
              />
            </Suspense>
          </div>
          <details className="border-line border-t px-4 py-2">
            <summary className="w-fit text-link text-xs">As a table</summary>
            <Table days={all} />
          </details>
        </>
      )}
    </section>
  )
}

/** What keeps the place of the charts while they are loaded. */
const Held = () => <div className="h-50 lg:col-span-3" />

function Table({ days }: { days: Day[] }) {
  const there = days.filter(day => day.executions > 0).toReversed()
  if (there.length === 0) return <p className="py-2 text-soft">Nothing ran in these days.</p>
  return (
    <div className="overflow-x-auto">
      <table className="num mt-2 text-xs">
        <thead>
          <tr className="text-left text-soft">
            {['Day (UTC)', 'Executions', 'Failed', 'Mean time', 'Longest', 'Cost'].map(name => (
              <th key={name} scope="col" className="py-1 pr-6 font-normal">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {there.map(day => (
            <tr key={day.day} className="border-line border-t">
              <th scope="row" className="py-1 pr-6 text-left font-normal">
                {day.day}
              </th>
              <td className="pr-6">{day.executions}</td>
              <td className="pr-6">{day.failed}</td>
              <td className="pr-6">{day.mean === null ? '' : span(day.mean)}</td>
              <td className="pr-6">{day.longest === null ? '' : span(day.longest)}</td>
              <td>{dollars(day.cost)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
