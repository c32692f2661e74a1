// The log of changes: who asked for what, from where, and what came of it, newest first.
import { useInfiniteQuery } from '@tanstack/react-query'
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router'
import { type FormEvent, useEffect, useState } from 'react'
import { changes } from '../../api/queries'
import { Button } from '../../ui/Button'
import { Empty, Loading } from '../../ui/Notice'
import { Page } from '../../ui/Page'
import { Barred } from '../../ui/Scoped'
import { ChangeRow } from './ChangeRow'

const route = getRouteApi('/audit')

export function AuditScreen() {
  const { by } = route.useSearch()
  const query = useInfiniteQuery(changes(by))
  const items = query.data?.pages.flatMap(page => page.items) ?? []
  return (
    <Page title="Audit">
      {!query.isError && <By key={by} by={by} />}
      {query.isPending && <Loading what="changes" />}
      {query.isError && <Barred error={query.error} again={() => void query.refetch()} />}
      {query.isSuccess && (
        <div className="sheet overflow-hidden">
          {items.length === 0 ? (
            <Empty title={by ? `${by} has asked for no change.` : 'No change has been asked for.'}>
              <p className="mt-1">
                What is started, answered, resumed, cancelled and deleted from outside stands here.
              </p>
            </Empty>
          ) : (
            <ul>
              {items.map(change => (
                <ChangeRow key={change.id} change={change} />
              ))}
            </ul>
          )}
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

function By({ by }: { by: string | undefined }) {
  const navigate = useNavigate()
  const [text, setText] = useState(by ?? '')
  useEffect(() => setText(by ?? ''), [by])
  const submit = (event: FormEvent) => {
    event.preventDefault()
    void navigate({ to: '/audit', search: text.trim() === '' ? {} : { by: text.trim() }, replace: true })
  }
  return (
    <search>
      <form onSubmit={submit} className="flex max-w-md items-center gap-2">
        <label className="flex-1">
          <span className="sr-only">Asked for by: a name, or the public part of a token</span>
          <input
            type="search"
            className="field"
            placeholder="Asked for by…"
            value={text}
            onChange={event => setText(event.target.value)}
          />
        </label>
        <Button type="submit">Show</Button>
        {by !== undefined && (
          <Link to="/audit" replace className="text-link text-sm hover:underline">
            All
          </Link>
        )}
      </form>
    </search>
  )
}
