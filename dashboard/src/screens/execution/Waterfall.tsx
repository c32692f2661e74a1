// The calls in time. Only those in view are in the page: an execution may have ten thousand. It is live by being drawn
// anew from what was read. Chosen by pointer or by arrow keys.
import { useNavigate } from '@tanstack/react-router'
import { useVirtualizer } from '@tanstack/react-virtual'
import { type KeyboardEvent, memo, useEffect, useMemo, useRef } from 'react'
import type { Execution } from '../../api/schema'
import { type Axis, ticks } from '../../model/axis'
import { isIdle, isOpen, type Line, waterfall } from '../../model/calls'
import { leaf } from '../../model/ids'
import { lookOf } from '../../model/status'
import { span } from '../../model/time'
import { useNow } from '../../ui/Ago'
import { Icon } from '../../ui/Icon'
import { Empty } from '../../ui/Notice'

const HEIGHT = 32
/** How far apart times are written, of the whole width: those from a minute on are longer. */
const NARROW = 0.18
const WIDE = 0.25

/** Puts something at so many hundredths of its track. Time moves it, and no layout has to be made anew for that. */
const moved = (left: number) => `translateX(${left}cqw)`

export function Waterfall({ execution, chosen }: { execution: Execution; chosen: string | undefined }) {
  const navigate = useNavigate()
  const now = useNow()
  const live = execution.status === 'running'
  const moment = live || execution.calls.some(isOpen) ? now : 0
  const ended = live ? null : moment === 0 ? execution.updated_at : null
  const { lines, axis } = useMemo(
    () => waterfall(execution.calls, execution.created_at, ended, moment),
    [execution.calls, execution.created_at, ended, moment],
  )
  const box = useRef<HTMLDivElement>(null)
  const virtual = useVirtualizer({
    count: lines.length,
    getScrollElement: () => box.current,
    estimateSize: () => HEIGHT,
    overscan: 10,
  })
  const at = lines.findIndex(line => line.call.key === chosen)
  // Someone who came by a link sees the call that the link names.
  const shown = useRef<string | undefined>(undefined)
  useEffect(() => {
    if (at >= 0 && shown.current !== chosen) {
      shown.current = chosen
      virtual.scrollToIndex(at, { align: 'auto' })
    }
  }, [at, chosen, virtual])
  const choose = (key: string) =>
    void navigate({
      to: '/executions/$id',
      params: { id: execution.id },
      search: { call: key },
      replace: true,
      resetScroll: false,
    })
  const press = (event: KeyboardEvent) => {
    const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -1e9, End: 1e9 }
    const step = steps[event.key]
    if (step === undefined) return
    event.preventDefault()
    const next = Math.min(lines.length - 1, Math.max(0, (at < 0 && step > 0 ? -1 : at) + step))
    const line = lines[next]
    if (line === undefined) return
    virtual.scrollToIndex(next, { align: 'auto' })
    shown.current = line.call.key
    choose(line.call.key)
  }
  if (lines.length === 0)
    return (
      <div className="sheet">
        <Empty title="No call has been made yet." />
      </div>
    )
  return (
    <section aria-label="Calls" className="sheet overflow-hidden">
      <Scale axis={axis} />
      <div
        ref={box}
        role="listbox"
        aria-label="Calls in time"
        tabIndex={0}
        aria-activedescendant={at >= 0 ? `call-${at}` : undefined}
        onKeyDown={press}
        className="max-h-[70dvh] overflow-y-auto"
      >
        <div className="relative" style={{ height: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map(item => {
            const line = lines[item.index]
            return (
              line && (
                <Bar
                  key={line.call.key}
                  id={`call-${item.index}`}
                  top={item.start}
                  line={line}
                  axis={axis}
                  of={lines.length}
                  at={item.index + 1}
                  chosen={item.index === at}
                  choose={choose}
                />
              )
            )
          })}
        </div>
      </div>
    </section>
  )
}

function Scale({ axis }: { axis: Axis }) {
  return (
    <div
      aria-hidden="true"
      className="grid h-8 grid-cols-[minmax(0,2fr)_minmax(0,3fr)] items-center border-line border-b text-soft text-xs"
    >
      <span className="px-3">Call</span>
      <span className="@container relative mr-14 h-full">
        {axis.stretches.map(
          one =>
            one.idle && (
              <span
                key={one.from}
                title={`${span(one.to - one.from)} in which nothing ran`}
                className="absolute inset-y-1 left-0 flex items-center justify-center overflow-hidden rounded-sm bg-sunk text-soft"
                style={{ transform: moved(one.left * 100), width: `${(one.right - one.left) * 100}%` }}
              >
                ⋯
              </span>
            ),
        )}
        {ticks(axis, axis.stretches.some(one => one.to > 60_000) ? WIDE : NARROW).map((tick, at) => (
          <span
            key={tick}
            className={`num absolute top-1.5 left-0 whitespace-nowrap ${at === 0 ? '' : 'max-sm:hidden'}`}
            style={{ transform: moved(axis.at(tick) * 100) }}
          >
            {tick === 0 ? '0' : span(tick)}
          </span>
        ))}
      </span>
    </div>
  )
}

interface BarProps {
  id: string
  top: number
  line: Line
  axis: Axis
  of: number
  at: number
  chosen: boolean
  choose: (key: string) => void
}

const Bar = memo(function Bar({ id, top, line, axis, of, at, chosen, choose }: BarProps) {
  const { call } = line
  const look = lookOf(call.status === 'retrying' ? 'running' : call.status)
  const took = line.to - line.from
  const idle = isIdle(call)
  const left = axis.at(line.from) * 100
  // What stands at the end has its time written before it.
  const late = left > 60
  const width = Math.max(axis.at(line.to) * 100 - left, 0.4)
  return (
    <div
      id={id}
      role="option"
      tabIndex={-1}
      aria-selected={chosen}
      aria-posinset={at}
      aria-setsize={of}
      onClick={() => choose(call.key)}
      className="absolute inset-x-0 grid cursor-pointer grid-cols-[minmax(0,2fr)_minmax(0,3fr)] items-center hover:bg-sunk aria-selected:bg-sunk aria-selected:shadow-[inset_3px_0_0_var(--color-focus)]"
      style={{ height: HEIGHT, transform: `translateY(${top}px)` }}
    >
      <span
        className="flex min-w-0 items-center gap-1.5 pr-2"
        style={{ paddingLeft: 12 + Math.min(line.depth, 8) * 14 }}
      >
        <span className={look.text}>
          <Icon name={line.borrowed ? 'link' : look.icon} className="size-3.5" />
        </span>
        <span className="truncate font-mono text-xs" title={call.key}>
          {leaf(call.key)}
        </span>
        <span className="sr-only">
          {call.status}
          {line.borrowed && ', reused from its source'}
        </span>
        {call.attempts > 1 && <span className="num shrink-0 text-failed text-xs">{call.attempts} tries</span>}
      </span>
      <span className="@container relative mr-14 h-full">
        <span
          className={`absolute top-2.5 left-0 h-3 rounded-sm ${
            line.borrowed
              ? `border border-dashed ${look.text} border-current`
              : idle
                ? `${look.fill} ${look.text} border border-current/40`
                : look.bar
          }`}
          style={{ transform: moved(left), width: `${width}%`, minWidth: 3, maxWidth: `${100 - left}%` }}
        />
        <span
          className="num absolute top-1.5 left-0 whitespace-nowrap px-1.5 text-soft text-xs"
          style={{ transform: late ? `${moved(left)} translateX(-100%)` : moved(Math.min(left + width, 100)) }}
        >
          {line.borrowed ? 'reused' : span(took)}
        </span>
      </span>
    </div>
  )
})
