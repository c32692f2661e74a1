// What was printed, logged and reported, as it comes: of all calls, or of one and those nested in it.
import { useInfiniteQuery } from '@tanstack/react-query'
import { useEffect, useRef } from 'react'
import { logs } from '../../api/queries'
import { leaf } from '../../model/ids'
import { clock, millis } from '../../model/time'
import { Button } from '../../ui/Button'
import { Trouble } from '../../ui/Notice'

const LOUD: Record<string, string> = { stderr: 'text-failed', usage: 'text-soft', progress: 'text-running' }

export function Logs({ id, call }: { id: string; call: string | null }) {
  const query = useInfiniteQuery(logs(id))
  const box = useRef<HTMLDivElement>(null)
  const atEnd = useRef(true)
  const lines = (query.data?.pages.flatMap(page => page.items) ?? []).filter(
    line => call === null || line.call === call || line.call?.startsWith(`${call}/`),
  )
  // Who reads the end goes on reading the end; who has scrolled up is left there.
  // biome-ignore lint/correctness/useExhaustiveDependencies: only a new line moves the box
  useEffect(() => {
    const own = box.current
    if (own !== null && atEnd.current) own.scrollTop = own.scrollHeight
  }, [lines.length])
  if (query.isError) return <Trouble error={query.error} />
  if (lines.length === 0) return <p className="text-soft text-sm">Nothing was printed.</p>
  return (
    <>
      <div
        ref={box}
        tabIndex={0}
        role="log"
        aria-label="Log"
        className="max-h-80 overflow-auto rounded-md bg-sunk p-3 font-mono text-xs leading-5"
        onScroll={event => {
          const own = event.currentTarget
          atEnd.current = own.scrollHeight - own.scrollTop - own.clientHeight < 24
        }}
      >
        {lines.map((line, at) => (
          <div
            // biome-ignore lint/suspicious/noArrayIndexKey: lines are only added at the end
            key={at}
            title={clock(millis(line.at))}
            className={`wrap-anywhere whitespace-pre-wrap ${LOUD[line.stream] ?? ''}`}
          >
            {call === null && line.call && <span className="select-none text-soft">{leaf(line.call)} │ </span>}
            {line.text}
          </div>
        ))}
      </div>
      {query.hasNextPage && (
        <Button className="mt-2" busy={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
          Read on
        </Button>
      )}
    </>
  )
}
