// The inbox: every open question, those with the nearest deadline first, then the oldest; beside it the one that is
// answered. Keys: j and k go through the list, Enter goes into the form.
import { useInfiniteQuery } from '@tanstack/react-query'
import { getRouteApi, useNavigate } from '@tanstack/react-router'
import { useEffect, useMemo, useRef } from 'react'
import { nameOf, waits } from '../../api/queries'
import type { Wait } from '../../api/schema'
import { millis } from '../../model/time'
import { Ago } from '../../ui/Ago'
import { Button } from '../../ui/Button'
import { Empty, Loading, Trouble } from '../../ui/Notice'
import { Page } from '../../ui/Page'
import { Question } from './Question'

const route = getRouteApi('/inbox')

export function sorted(all: Wait[]): Wait[] {
  const due = (wait: Wait) => (wait.deadline === null ? Number.POSITIVE_INFINITY : millis(wait.deadline))
  return all.toSorted((one, other) => {
    const [first, second] = [due(one), due(other)]
    return first === second ? millis(one.opened_at) - millis(other.opened_at) : first - second
  })
}

export function InboxScreen() {
  const search = route.useSearch()
  const navigate = useNavigate()
  const query = useInfiniteQuery(waits())
  const list = useMemo(() => sorted(query.data?.pages.flatMap(page => page.items) ?? []), [query.data])
  const at = list.findIndex(wait => nameOf(wait) === search.wait)
  const chosen = at < 0 ? undefined : list[at]
  const form = useRef<HTMLDivElement>(null)
  const first = list[0]
  const go = (wait: Wait | undefined) =>
    void navigate({ to: '/inbox', search: wait ? { wait: nameOf(wait) } : {}, replace: true, resetScroll: false })

  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return
      if (event.target instanceof Element && event.target.matches('input, textarea, select, dialog *')) return
      const step = { j: 1, k: -1 }[event.key]
      if (step !== undefined) {
        const next = list[Math.min(list.length - 1, Math.max(0, at + step))]
        if (next) void navigate({ to: '/inbox', search: { wait: nameOf(next) }, replace: true, resetScroll: false })
      } else if (event.key === 'Enter' && event.target === document.body) {
        form.current?.querySelector<HTMLElement>('input, textarea, select, button')?.focus()
      }
    }
    window.addEventListener('keydown', press)
    return () => window.removeEventListener('keydown', press)
  }, [list, at, navigate])

  const shown = chosen ?? (search.wait === undefined ? first : undefined)
  return (
    <Page title="Inbox">
      {query.isPending && <Loading what="questions" />}
      {query.isError && <Trouble error={query.error} again={() => void query.refetch()} />}
      {query.isSuccess && list.length === 0 && search.wait === undefined && (
        <Empty title="Nobody is asked anything.">
          <p>
            When a flow calls <code className="font-mono text-sm">kitaru.wait()</code>, its question appears here.
          </p>
        </Empty>
      )}
      {(list.length > 0 || search.wait !== undefined) && query.isSuccess && (
        <div className="grid grid-cols-1 items-start gap-4 lg:grid-cols-[minmax(0,20rem)_minmax(0,1fr)]">
          <section aria-label="Open questions" className="sheet lg:max-h-[calc(100dvh-7rem)] lg:overflow-y-auto">
            <ul>
              {list.map(wait => (
                <Item key={nameOf(wait)} wait={wait} chosen={wait === shown} choose={() => go(wait)} />
              ))}
            </ul>
            {list.length === 0 && <Empty title="No open question is left." />}
            {query.hasNextPage && (
              <div className="p-3">
                <p className="mb-2 text-soft text-xs">
                  These are the {list.length} oldest. Newer ones may have an earlier deadline.
                </p>
                <Button busy={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
                  Load more
                </Button>
              </div>
            )}
          </section>
          <div ref={form}>
            {shown ? (
              <Question
                key={nameOf(shown)}
                wait={shown}
                done={() => {
                  const place = list.indexOf(shown)
                  go(list[place + 1] ?? list[place - 1])
                }}
              />
            ) : (
              <div className="sheet">
                <Empty title="That question is not open any more.">
                  <p>It was answered, it timed out, or its execution has ended.</p>
                </Empty>
              </div>
            )}
          </div>
        </div>
      )}
    </Page>
  )
}

function Item({ wait, chosen, choose }: { wait: Wait; chosen: boolean; choose: () => void }) {
  const own = useRef<HTMLButtonElement>(null)
  useEffect(() => {
    if (chosen) own.current?.scrollIntoView({ block: 'nearest' })
  }, [chosen])
  return (
    <li className="border-line border-b last:border-b-0">
      <button
        ref={own}
        type="button"
        aria-current={chosen}
        onClick={choose}
        className="flex w-full flex-col gap-0.5 px-4 py-3 text-left hover:bg-sunk aria-[current=true]:bg-sunk aria-[current=true]:shadow-[inset_3px_0_0_var(--color-focus)]"
      >
        <span className="wrap-anywhere line-clamp-2 font-medium">{wait.question || wait.name}</span>
        <span className="flex w-full items-center gap-2 text-soft text-xs">
          <span className="truncate">{wait.name}</span>
          <span className="ml-auto">
            <Ago at={wait.opened_at} />
          </span>
        </span>
        {wait.deadline !== null && (
          <span className={`text-xs ${wait.overdue ? 'text-failed' : 'text-waiting'}`}>
            {wait.overdue ? 'overdue since ' : 'due '}
            <Ago at={wait.deadline} />
          </span>
        )}
      </button>
    </li>
  )
}
