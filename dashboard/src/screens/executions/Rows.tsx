// The rows of the list: only those in view are in the page, so that thousands scroll smoothly. On a narrow screen a row
// says less, in two lines.
import { Link } from '@tanstack/react-router'
import { useWindowVirtualizer } from '@tanstack/react-virtual'
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react'
import type { ExecutionBrief } from '../../api/schema'
import { short } from '../../model/ids'
import { count, dollars, tokens } from '../../model/money'
import { hasEnded } from '../../model/status'
import { Ago, Took } from '../../ui/Ago'
import { Icon } from '../../ui/Icon'
import { Status } from '../../ui/Status'
import { useHeld } from '../../ui/useHeld'

const HEIGHT = 56
const COLUMNS =
  'grid-cols-[2rem_minmax(0,1fr)_7.500rem] md:grid-cols-[2rem_minmax(0,16rem)_7.500rem_minmax(0,1fr)_6rem_6rem_6rem]'

interface Props {
  rows: ExecutionBrief[]
  chosen: ReadonlySet<string>
  choose: (chosen: ReadonlySet<string>) => void
  more: (() => void) | null
  /** Whether there is nothing beyond these rows. */
  whole: boolean
}

export function Rows({ rows, chosen, choose, more, whole }: Props) {
  const list = useRef<HTMLDivElement>(null)
  const [top, setTop] = useState(0)
  useLayoutEffect(() => setTop(list.current?.offsetTop ?? 0), [])
  const ids = useMemo(() => rows.map(row => row.id), [rows])
  const virtual = useWindowVirtualizer({
    count: rows.length,
    estimateSize: () => HEIGHT,
    overscan: 12,
    scrollMargin: top,
    getItemKey: index => rows[index]?.id ?? index,
  })
  useHeld(ids, HEIGHT, top)
  const items = virtual.getVirtualItems()
  const last = items.at(-1)?.index ?? 0
  useEffect(() => {
    if (last >= rows.length - 30) more?.()
  }, [last, rows.length, more])
  const all = rows.length > 0 && chosen.size === rows.length
  const toggle = (id: string) => {
    const next = new Set(chosen)
    if (!next.delete(id)) next.add(id)
    choose(next)
  }
  return (
    <div className="sheet" role="table" aria-label="Executions" aria-rowcount={whole ? rows.length + 1 : -1}>
      <div role="rowgroup" className="border-line border-b">
        <div role="row" aria-rowindex={1} className={`grid h-9 items-center gap-x-3 px-3 text-soft text-xs ${COLUMNS}`}>
          <span role="columnheader">
            <input
              type="checkbox"
              aria-label="Choose all that are loaded"
              checked={all}
              onChange={() => choose(all ? new Set() : new Set(rows.map(row => row.id)))}
            />
          </span>
          <span role="columnheader">Execution</span>
          <span role="columnheader">Status</span>
          <span role="columnheader" className="hidden md:block">
            Why
          </span>
          <span role="columnheader" className="hidden text-right md:block">
            Begun
          </span>
          <span role="columnheader" className="hidden text-right md:block">
            Took
          </span>
          <span role="columnheader" className="hidden text-right md:block">
            Cost
          </span>
        </div>
      </div>
      <div role="rowgroup" ref={list} className="relative" style={{ height: virtual.getTotalSize() }}>
        {items.map(item => {
          const row = rows[item.index]
          if (row === undefined) return null
          return (
            <div
              key={item.key}
              role="row"
              aria-rowindex={item.index + 2}
              className={`absolute inset-x-0 top-0 grid items-center gap-x-3 border-line border-b px-3 last:border-b-0 hover:bg-sunk ${COLUMNS}`}
              style={{ height: HEIGHT, transform: `translateY(${item.start - top}px)` }}
            >
              <span role="cell">
                <input
                  type="checkbox"
                  aria-label={`Choose ${row.flow} ${short(row.id)}`}
                  checked={chosen.has(row.id)}
                  onChange={() => toggle(row.id)}
                />
              </span>
              <Row row={row} />
            </div>
          )
        })}
      </div>
    </div>
  )
}

function Row({ row }: { row: ExecutionBrief }) {
  const used = tokens(row.usage)
  return (
    <>
      <div role="cell" className="min-w-0">
        <Link
          to="/executions/$id"
          params={{ id: row.id }}
          className="flex items-center gap-1.5 font-medium after:absolute after:inset-y-0 after:right-0 after:left-10 hover:underline"
        >
          <span className="truncate">{row.flow}</span>
          {row.forked_from !== null && <Icon name="fork" className="size-3 text-soft" />}
        </Link>
        <p className="flex min-w-0 items-center gap-1.5 text-soft text-xs">
          <code className="font-mono">{short(row.id)}</code>
          <span className="md:hidden">
            <Ago at={row.created_at} />
          </span>
          <span className="truncate">{[row.key, ...row.tags].filter(Boolean).join(' · ')}</span>
        </p>
      </div>
      <div role="cell">
        <Status of={row.status} />
      </div>
      <div role="cell" className="hidden min-w-0 text-soft md:block">
        <p className="truncate" title={row.reason?.text}>
          {row.reason?.text}
        </p>
      </div>
      <div role="cell" className="hidden text-right text-soft md:block">
        <Ago at={row.created_at} />
      </div>
      <div role="cell" className="hidden text-right text-soft md:block">
        <Took from={row.created_at} to={hasEnded(row.status) || row.status !== 'running' ? row.updated_at : null} />
      </div>
      <div role="cell" className="num hidden text-right text-soft md:block">
        {row.usage.cost_usd > 0 ? dollars(row.usage.cost_usd) : used > 0 ? `${count(used)} tok` : ''}
      </div>
    </>
  )
}
