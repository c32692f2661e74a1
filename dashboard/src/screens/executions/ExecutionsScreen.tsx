// The list of executions: live, filtered by its address, with acts on several at once.
// Not here: the filters (Filters), the rows (Rows), the acts (Chosen).
import { useInfiniteQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { useMemo, useState } from 'react'
import { executions } from '../../api/queries'
import { Empty, Loading, Trouble } from '../../ui/Notice'
import { Page } from '../../ui/Page'
import { Chosen } from './Chosen'
import { Filters } from './Filters'
import { FirstUse } from './FirstUse'
import { Rows } from './Rows'

const route = getRouteApi('/executions')

export function ExecutionsScreen() {
  const wanted = route.useSearch()
  const query = useInfiniteQuery(executions(wanted))
  const [chosen, choose] = useState<ReadonlySet<string>>(new Set())
  const rows = useMemo(() => query.data?.pages.flatMap(page => page.items) ?? [], [query.data])
  const filtered = Object.values(wanted).some(Boolean)
  return (
    <Page title="Executions">
      {(rows.length > 0 || filtered) && <Filters wanted={wanted} />}
      {query.isPending && <Loading what="executions" />}
      {query.isError && <Trouble error={query.error} again={() => void query.refetch()} />}
      {query.isSuccess && rows.length === 0 && (filtered ? <Empty title="No execution is like that." /> : <FirstUse />)}
      {rows.length > 0 && (
        <Rows
          rows={rows}
          chosen={chosen}
          choose={choose}
          more={query.hasNextPage && !query.isFetchingNextPage ? () => void query.fetchNextPage() : null}
          whole={!query.hasNextPage}
        />
      )}
      {chosen.size > 0 && <Chosen rows={rows.filter(row => chosen.has(row.id))} clear={() => choose(new Set())} />}
    </Page>
  )
}
