// The latest executions of a flow.
import { useInfiniteQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { executions } from '../../api/queries'
import { short } from '../../model/ids'
import { dollars } from '../../model/money'
import { Ago, Took } from '../../ui/Ago'
import { Loading, Trouble } from '../../ui/Notice'
import { Status } from '../../ui/Status'

const MOST = 10

export function Latest({ flow }: { flow: string }) {
  const { data, error } = useInfiniteQuery(executions({ flow }))
  const rows = data?.pages[0]?.items.slice(0, MOST) ?? []
  return (
    <section aria-label="Latest executions" className="sheet">
      <header className="flex items-baseline px-4 pt-3 pb-2">
        <h2 className="flex-1 font-medium text-sm">Latest executions</h2>
        <Link to="/executions" search={{ flow }} className="text-link text-xs hover:underline">
          All
        </Link>
      </header>
      {error && <Trouble error={error} />}
      {data === undefined && !error && <Loading what="executions" />}
      <ul>
        {rows.map(row => (
          <li key={row.id} className="relative flex items-center gap-3 border-line border-t px-4 py-2 hover:bg-sunk">
            <Link
              to="/executions/$id"
              params={{ id: row.id }}
              className="font-mono text-xs after:absolute after:inset-0 hover:underline"
            >
              {short(row.id)}
            </Link>
            <Status of={row.status} />
            <span className="num ml-auto flex gap-3 whitespace-nowrap text-soft text-xs">
              {row.usage.cost_usd > 0 && <span className="hidden sm:inline">{dollars(row.usage.cost_usd)}</span>}
              <span className="max-sm:hidden">
                <Took from={row.created_at} to={row.status === 'running' ? null : row.updated_at} />
              </span>
              <span className="w-20 text-right">
                <Ago at={row.created_at} />
              </span>
            </span>
          </li>
        ))}
      </ul>
    </section>
  )
}
