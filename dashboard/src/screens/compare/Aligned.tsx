// The calls of two executions in one list, those beside each other that belong together. Only what is in view is in
// the page: there may be ten thousand. The place where they part is marked, and in view from the start.
import { useNavigate } from '@tanstack/react-router'
import { useVirtualizer } from '@tanstack/react-virtual'
import { type KeyboardEvent, memo, useEffect, useMemo, useRef } from 'react'
import type { Diff, DiffCall } from '../../api/schema'
import { isWorthwhile, signOf } from '../../model/compare'
import { dollars } from '../../model/money'
import { span } from '../../model/time'
import { Icon } from '../../ui/Icon'
import { Empty } from '../../ui/Notice'
import { Filter } from './Filter'

const HEIGHT = 36

interface Props {
  diff: Diff
  chosen: string | undefined
  only: boolean
}

export function Aligned({ diff, chosen, only }: Props) {
  const navigate = useNavigate()
  const differing = useMemo(() => diff.calls.filter(isWorthwhile), [diff.calls])
  const calls = only ? differing : diff.calls
  const parts = diff.first_divergence?.key
  const box = useRef<HTMLDivElement>(null)
  const virtual = useVirtualizer({
    count: calls.length,
    getScrollElement: () => box.current,
    estimateSize: () => HEIGHT,
    overscan: 10,
  })
  const at = calls.findIndex(call => call.key === chosen)
  // In view: the call that the address names, else the one where they part.
  const goal = at >= 0 ? at : calls.findIndex(call => call.key === parts)
  const shown = useRef<string | null>(null)
  useEffect(() => {
    const name = `${only} ${chosen ?? parts}`
    if (goal >= 0 && shown.current !== name) {
      virtual.scrollToIndex(goal, { align: shown.current === null ? 'center' : 'auto' })
      shown.current = name
    }
  }, [goal, only, chosen, parts, virtual])
  const choose = (call: string) =>
    void navigate({
      to: '/compare',
      search: (before: { ids?: string | undefined; only?: string | undefined }) => ({ ...before, call }),
      replace: true,
      resetScroll: false,
    })
  const press = (event: KeyboardEvent) => {
    const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -1e9, End: 1e9 }
    const step = steps[event.key]
    if (step === undefined) return
    event.preventDefault()
    // Where none is chosen, one begins where they part.
    const next = at < 0 ? Math.max(0, goal) : Math.min(calls.length - 1, Math.max(0, at + step))
    const call = calls[next]
    if (call === undefined) return
    virtual.scrollToIndex(next, { align: 'auto' })
    shown.current = `${only} ${call.key}`
    choose(call.key)
  }
  return (
    <section aria-label="Calls" className="sheet overflow-hidden">
      <header className="flex flex-wrap items-center gap-2 border-line border-b px-3 py-2">
        <h2 className="font-medium text-sm">Calls</h2>
        <Counts diff={diff} />
        <Filter all={diff.calls.length} differing={differing.length} />
      </header>
      {calls.length === 0 ? (
        <Empty title={only ? 'No call differs.' : 'No call has been made.'} />
      ) : (
        <div
          ref={box}
          role="listbox"
          aria-label="Calls beside each other"
          tabIndex={0}
          aria-activedescendant={at >= 0 ? `pair-${at}` : undefined}
          onKeyDown={press}
          className="max-h-[70dvh] overflow-y-auto"
        >
          <div className="relative" style={{ height: virtual.getTotalSize() }}>
            {virtual.getVirtualItems().map(item => {
              const call = calls[item.index]
              return (
                call && (
                  <Pair
                    key={call.key}
                    id={`pair-${item.index}`}
                    top={item.start}
                    call={call}
                    at={item.index + 1}
                    of={calls.length}
                    chosen={item.index === at}
                    parts={call.key === parts}
                    choose={choose}
                  />
                )
              )
            })}
          </div>
        </div>
      )}
    </section>
  )
}

function Counts({ diff }: { diff: Diff }) {
  const said = Object.entries(diff.counts ?? {}).filter(([, number]) => number > 0)
  return <span className="num text-soft text-xs">{said.map(([word, number]) => `${number} ${word}`).join(' · ')}</span>
}

interface PairProps {
  id: string
  top: number
  call: DiffCall
  at: number
  of: number
  chosen: boolean
  parts: boolean
  choose: (key: string) => void
}

const Pair = memo(function Pair({ id, top, call, at, of, chosen, parts, choose }: PairProps) {
  const sign = signOf(call.verdict)
  const [first, second] = call.sides
  const failed = first?.status === 'failed' || second?.status === 'failed'
  const spent = (second?.usage.cost_usd ?? 0) - (first?.usage.cost_usd ?? 0)
  return (
    <div
      id={id}
      role="option"
      tabIndex={-1}
      aria-selected={chosen}
      aria-posinset={at}
      aria-setsize={of}
      onClick={() => choose(call.key)}
      className={`absolute inset-x-0 flex cursor-pointer items-center gap-2 px-3 hover:bg-sunk aria-selected:bg-sunk aria-selected:shadow-[inset_3px_0_0_var(--color-focus)] ${
        parts ? 'border-waiting border-t-2' : ''
      }`}
      style={{ height: HEIGHT, transform: `translateY(${top}px)` }}
    >
      {sign && (
        <span
          title={sign.word}
          className={`inline-flex size-5 shrink-0 items-center justify-center rounded-sm font-mono text-xs ${sign.look}`}
        >
          <span aria-hidden="true">{sign.sign}</span>
          <span className="sr-only">{sign.word}</span>
        </span>
      )}
      <span className="truncate font-mono text-xs" title={call.key}>
        {call.key}
      </span>
      {parts && <span className="shrink-0 rounded-full bg-waiting-fill px-2 text-waiting text-xs">they part here</span>}
      {failed && (
        <span className="text-failed" title="failed">
          <Icon name="cross" className="size-3.5" />
          <span className="sr-only">failed</span>
        </span>
      )}
      {call.moved === true && <span className="shrink-0 text-soft text-xs">moved</span>}
      {call.code_changed === true && <span className="shrink-0 text-soft text-xs">other code</span>}
      <span className="num ml-auto flex shrink-0 gap-3 whitespace-nowrap text-right text-soft text-xs">
        <span className="hidden sm:inline">
          {Math.abs(spent) < 1e-9 ? '' : `${spent > 0 ? '+' : '−'}${dollars(Math.abs(spent))}`}
        </span>
        <span>
          {took(first)}
          <span className="px-1">→</span>
          {took(second)}
        </span>
      </span>
    </div>
  )
})

const took = (side: DiffCall['sides'][number] | undefined) =>
  side == null ? 'none' : side.ms === null ? 'open' : span(side.ms)
