// Three executions and more: a row a call, a column an execution, each cell a link. The first that has a call is what
// the others are compared with. Only rows in view are in the page.
import { Link } from '@tanstack/react-router'
import { useVirtualizer } from '@tanstack/react-virtual'
import { useMemo, useRef } from 'react'
import type { Diff, DiffCall, DiffExecution } from '../../api/schema'
import { isWorthwhile, signOf } from '../../model/compare'
import { short } from '../../model/ids'
import { dollars } from '../../model/money'
import { span } from '../../model/time'
import { Empty } from '../../ui/Notice'
import { Status } from '../../ui/Status'
import { Filter } from './Filter'

const HEIGHT = 36
const NAME = 'minmax(11rem,1.5fr)'

export function Matrix({ diff, only }: { diff: Diff; only: boolean }) {
  const differing = useMemo(() => diff.calls.filter(isWorthwhile), [diff.calls])
  const calls = only ? differing : diff.calls
  const box = useRef<HTMLDivElement>(null)
  const virtual = useVirtualizer({
    count: calls.length,
    getScrollElement: () => box.current,
    estimateSize: () => HEIGHT,
    overscan: 10,
  })
  const columns = { gridTemplateColumns: `${NAME} repeat(${diff.executions.length}, minmax(8rem,1fr))` }
  const width = { minWidth: `${11 + diff.executions.length * 8}rem` }
  return (
    <section aria-label="Calls by executions" className="sheet overflow-hidden">
      <header className="flex flex-wrap items-center gap-2 border-line border-b px-3 py-2">
        <h2 className="font-medium text-sm">Calls</h2>
        <Filter all={diff.calls.length} differing={differing.length} />
      </header>
      <div ref={box} className="max-h-[75dvh] overflow-auto" role="table" aria-rowcount={calls.length + 1}>
        <div role="rowgroup" className="sticky top-0 z-10 border-line border-b bg-card" style={width}>
          <div role="row" aria-rowindex={1} className="grid" style={columns}>
            <span role="columnheader" className="sticky left-0 bg-card p-3 text-soft text-xs">
              Call
            </span>
            {diff.executions.map(one => (
              <Head key={one.id} of={one} />
            ))}
          </div>
        </div>
        {calls.length === 0 && <Empty title={only ? 'No call differs.' : 'No call has been made.'} />}
        <div role="rowgroup" className="relative" style={{ height: virtual.getTotalSize(), ...width }}>
          {virtual.getVirtualItems().map(item => {
            const call = calls[item.index]
            return (
              call && (
                <div
                  key={item.index}
                  role="row"
                  aria-rowindex={item.index + 2}
                  className="absolute inset-x-0 grid items-center border-line border-b hover:bg-sunk"
                  style={{ ...columns, height: HEIGHT, transform: `translateY(${item.start}px)` }}
                >
                  <span
                    role="rowheader"
                    title={call.key}
                    className="sticky left-0 flex h-full items-center truncate bg-card px-3 font-mono text-xs"
                  >
                    {call.key}
                  </span>
                  {diff.executions.map((one, at) => (
                    <span key={one.id} role="cell" className="h-full">
                      <Cell executions={diff.executions} call={call} at={at} />
                    </span>
                  ))}
                </div>
              )
            )
          })}
        </div>
      </div>
    </section>
  )
}

function Head({ of }: { of: DiffExecution }) {
  return (
    <span role="columnheader" className="flex flex-col items-start gap-1 p-3">
      <Link
        to="/executions/$id"
        params={{ id: of.id }}
        className="max-w-full truncate text-link text-xs hover:underline"
      >
        {of.flow} <code className="font-mono">{short(of.id)}</code>
      </Link>
      <Status of={of.status} />
      <span className="num text-soft text-xs">
        {span(of.ms)} · {dollars(of.usage.cost_usd)}
      </span>
    </span>
  )
}

const LINK = 'num flex h-full items-center gap-2 px-3 text-xs hover:underline focus-visible:-outline-offset-2'

/** What a call is in an execution. It leads to the call there, or to the two beside each other where they differ. */
function Cell({ executions, call, at }: { executions: DiffExecution[]; call: DiffCall; at: number }) {
  const [one, side] = [executions[at], call.sides[at]]
  const base = call.sides.findIndex(Boolean)
  const first = executions[base]
  const sign = signOf(call.verdicts?.[at])
  if (one === undefined) return null
  const inside = (
    <>
      {sign && (
        <span
          className={`inline-flex size-5 shrink-0 items-center justify-center rounded-sm font-mono ${sign.look}`}
          title={sign.word}
        >
          <span aria-hidden="true">{sign.sign}</span>
          <span className="sr-only">{sign.word}</span>
        </span>
      )}
      <span className={side?.status === 'failed' ? 'text-failed' : 'text-soft'}>
        {side == null ? 'none' : side.status === 'failed' ? 'failed' : side.ms === null ? side.status : span(side.ms)}
      </span>
    </>
  )
  if (first !== undefined && at !== base && sign !== null) {
    return (
      <Link to="/compare" search={{ ids: `${first.id},${one.id}`, call: call.key }} className={LINK}>
        {inside}
      </Link>
    )
  }
  return (
    <Link to="/executions/$id" params={{ id: one.id }} search={side ? { call: side.key } : {}} className={LINK}>
      {inside}
    </Link>
  )
}
