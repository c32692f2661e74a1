// The fleet: all that is under way with what it started, or the whole tree that one execution stands in.
import { useInfiniteQuery, useQueries, useQuery } from '@tanstack/react-query'
import { getRouteApi, Link } from '@tanstack/react-router'
import { useMemo } from 'react'
import { executions, tree } from '../../api/queries'
import type { Tree } from '../../api/schema'
import { cost, part, roots, size, states } from '../../model/fleet'
import { short } from '../../model/ids'
import { dollars } from '../../model/money'
import { hasEnded, STATUSES } from '../../model/status'
import { Button, buttonLook } from '../../ui/Button'
import { Empty, Loading, Trouble } from '../../ui/Notice'
import { Page } from '../../ui/Page'
import { Status } from '../../ui/Status'
import { TreeView } from './TreeView'

const route = getRouteApi('/fleet')
const OPEN = { status: STATUSES.filter(status => !hasEnded(status)).join(',') }

export function FleetScreen() {
  const { of } = route.useSearch()
  return of === undefined ? <Open /> : <Family id={of} />
}

function Open() {
  const query = useInfiniteQuery(executions(OPEN))
  const open = useMemo(() => query.data?.pages.flatMap(page => page.items) ?? [], [query.data])
  const tops = useMemo(() => roots(open), [open])
  const trees = useQueries({
    queries: tops.map(top => tree(top.id)),
    combine: all => all.map(one => one.data),
  })
  // Until its tree is read, an execution stands there alone.
  const shown = useMemo(
    () =>
      tops.map((top, at): Tree => {
        const whole = trees[at]
        const own = whole === undefined ? null : part(whole, top.id)
        return { below: [], ...(own ?? top), marked: false, relation: null, id: top.id }
      }),
    [tops, trees],
  )
  return (
    <Page title="Fleet" aside={tops.length > 0 && <Sum of={shown} more={query.hasNextPage} />}>
      {query.isPending && <Loading what="the fleet" />}
      {query.isError && <Trouble error={query.error} again={() => void query.refetch()} />}
      {query.isSuccess && tops.length === 0 && (
        <div className="sheet">
          <Empty title="Nothing is under way.">
            <p className="mt-1">What runs, waits, sleeps or is paused stands here, with all that it started.</p>
          </Empty>
        </div>
      )}
      {tops.length > 0 && (
        <div className="sheet overflow-hidden">
          <TreeView tops={shown} label="Executions that are under way" />
        </div>
      )}
      {query.hasNextPage && (
        <Button className="self-center" busy={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
          Load more
        </Button>
      )}
    </Page>
  )
}

function Family({ id }: { id: string }) {
  const query = useQuery(tree(id))
  return (
    <Page
      title={`Fleet of ${short(id)}`}
      aside={query.data && <Sum of={[query.data]} more={false} />}
      actions={
        <Link to="/fleet" className={buttonLook()}>
          All that is under way
        </Link>
      }
    >
      {query.isPending && <Loading what="the tree" />}
      {query.isError && <Trouble error={query.error} again={() => void query.refetch()} />}
      {query.data && (
        <div className="sheet overflow-hidden">
          <TreeView key={id} tops={[query.data]} label={`All that belongs to ${short(id)}`} />
        </div>
      )}
    </Page>
  )
}

/** How many there are in which state, and what they cost. */
function Sum({ of, more }: { of: Tree[]; more: boolean }) {
  const counted = new Map<string, number>()
  for (const one of of) states(one, counted)
  const all = of.reduce((sum, one) => sum + 1 + size(one), 0)
  const spent = of.reduce((sum, one) => sum + cost(one), 0)
  return (
    <span className="num flex flex-wrap items-center gap-2 text-soft text-sm">
      {all}
      {more && '+'} executions
      {spent > 0 && ` · ${dollars(spent)}`}
      {[...counted].map(([word, number]) => (
        <span key={word} className="inline-flex items-center gap-1">
          <Status of={word} />
          {number}
        </span>
      ))}
    </span>
  )
}
