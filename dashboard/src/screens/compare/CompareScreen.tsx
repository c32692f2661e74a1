// Executions beside each other: two call by call, more as a matrix. Which ones, which call and what is shown of them
// stand in the address. Not here: how two values differ (ui/ValueDiff).
import { useQuery } from '@tanstack/react-query'
import { getRouteApi, Link } from '@tanstack/react-router'
import { diff } from '../../api/queries'
import type { Diff } from '../../api/schema'
import { buttonLook } from '../../ui/Button'
import { Empty, Loading, Trouble } from '../../ui/Notice'
import { Page } from '../../ui/Page'
import { Aligned } from './Aligned'
import { Matrix } from './Matrix'
import { PairPanel } from './PairPanel'
import { Totals } from './Totals'
import { Whole } from './Whole'

const route = getRouteApi('/compare')

export function CompareScreen() {
  const search = route.useSearch()
  const ids = (search.ids ?? '').split(',').filter(Boolean)
  const query = useQuery({ ...diff(ids), enabled: ids.length > 1 })
  const swapped = ids.toReversed().join(',')
  return (
    <Page
      title="Compare"
      aside={query.data && <Verdict diff={query.data} />}
      actions={
        ids.length === 2 && (
          <Link to="/compare" search={{ ...search, ids: swapped }} replace className={buttonLook()}>
            Swap
          </Link>
        )
      }
    >
      {ids.length < 2 && (
        <Empty title="Two executions at least are compared.">
          <p className="mt-1">Choose them in the list, or compare a replay with what it replays.</p>
          <Link to="/executions" className={`mt-4 ${buttonLook()}`}>
            All executions
          </Link>
        </Empty>
      )}
      {ids.length > 1 && query.isPending && <Loading what="the comparison" />}
      {query.isError && <Trouble error={query.error} again={() => void query.refetch()} />}
      {query.data &&
        (query.data.executions.length === 2 ? (
          <Two diff={query.data} call={search.call} only={search.only === 'differs'} />
        ) : (
          <Matrix diff={query.data} only={search.only === 'differs'} />
        ))}
    </Page>
  )
}

function Verdict({ diff }: { diff: Diff }) {
  return (
    <span
      className={`rounded-full px-2 py-0.5 font-medium text-xs ${
        diff.diverged ? 'bg-waiting-fill text-waiting' : 'bg-completed-fill text-completed'
      }`}
    >
      {diff.diverged ? 'they differ' : 'nothing differs'}
    </span>
  )
}

function Two({ diff, call, only }: { diff: Diff; call: string | undefined; only: boolean }) {
  const chosen = diff.calls.find(one => one.key === call)
  return (
    <>
      <Totals diff={diff} />
      <div className="grid items-start gap-4 xl:grid-cols-[minmax(0,1fr)_minmax(0,1fr)]">
        <Aligned diff={diff} chosen={chosen?.key} only={only} />
        {chosen ? <PairPanel key={chosen.key} diff={diff} call={chosen} /> : <Whole diff={diff} />}
      </div>
    </>
  )
}
