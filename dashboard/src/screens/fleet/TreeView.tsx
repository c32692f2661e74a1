// Executions as a tree by the platform's pattern: arrow keys go through it, open and close, Enter leads to the
// execution. Only lines in view are in the page.
import { Link, useNavigate } from '@tanstack/react-router'
import { useVirtualizer } from '@tanstack/react-virtual'
import { type KeyboardEvent, useEffect, useMemo, useRef, useState } from 'react'
import type { Tree } from '../../api/schema'
import { type Branch, branches, stepOf } from '../../model/fleet'
import { short } from '../../model/ids'
import { dollars } from '../../model/money'
import { Ago, Took } from '../../ui/Ago'
import { Icon } from '../../ui/Icon'
import { Status } from '../../ui/Status'

const HEIGHT = 48

export function TreeView({ tops, label }: { tops: Tree[]; label: string }) {
  const navigate = useNavigate()
  const [closed, close] = useState<ReadonlySet<string>>(new Set())
  const [active, activate] = useState<string | null>(null)
  const lines = useMemo(() => branches(tops, closed), [tops, closed])
  const box = useRef<HTMLDivElement>(null)
  const virtual = useVirtualizer({
    count: lines.length,
    getScrollElement: () => box.current,
    estimateSize: () => HEIGHT,
    overscan: 10,
  })
  const found = lines.findIndex(line => (active === null ? line.node.marked : line.node.id === active))
  const at = Math.max(found, 0)
  // Who came for one of them sees it.
  const shown = useRef(false)
  useEffect(() => {
    if (shown.current || found < 0) return
    shown.current = true
    virtual.scrollToIndex(found, { align: 'auto' })
  }, [found, virtual])
  const toggle = (id: string, open: boolean) => {
    const next = new Set(closed)
    if (open) next.delete(id)
    else next.add(id)
    close(next)
  }
  const go = (to: number) => {
    const line = lines[Math.min(lines.length - 1, Math.max(0, to))]
    if (line === undefined) return
    activate(line.node.id)
    virtual.scrollToIndex(lines.indexOf(line), { align: 'auto' })
  }
  const press = (event: KeyboardEvent) => {
    const line = lines[at]
    if (line === undefined || event.ctrlKey || event.metaKey || event.altKey) return
    const step = stepOf(event.key, lines, at)
    if (step === null) return
    event.preventDefault()
    if ('to' in step) go(step.to)
    else if ('open' in step) toggle(line.node.id, step.open)
    else if (line.node.deleted !== true) void navigate({ to: '/executions/$id', params: { id: line.node.id } })
  }
  return (
    <div
      ref={box}
      role="tree"
      aria-label={label}
      tabIndex={0}
      aria-activedescendant={lines[at] && `branch-${lines[at].node.id}`}
      onKeyDown={press}
      className="group max-h-[75dvh] overflow-y-auto focus-visible:-outline-offset-2"
    >
      <div role="presentation" className="relative" style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map(item => {
          const line = lines[item.index]
          return (
            line && (
              <Line
                key={line.node.id}
                line={line}
                top={item.start}
                active={item.index === at}
                activate={() => activate(line.node.id)}
                toggle={() => toggle(line.node.id, !line.open)}
              />
            )
          )
        })}
      </div>
    </div>
  )
}

interface LineProps {
  line: Branch
  top: number
  active: boolean
  activate: () => void
  toggle: () => void
}

function Line({ line, top, active, activate, toggle }: LineProps) {
  const { node } = line
  return (
    <div
      id={`branch-${node.id}`}
      role="treeitem"
      aria-level={line.depth + 1}
      aria-posinset={line.at}
      aria-setsize={line.of}
      aria-selected={active}
      {...(line.below > 0 ? { 'aria-expanded': line.open } : {})}
      onClick={activate}
      className={`absolute inset-x-0 flex items-center gap-2 border-line border-b pr-3 hover:bg-sunk group-focus-visible:aria-selected:bg-sunk ${
        node.marked ? 'shadow-[inset_3px_0_0_var(--color-focus)]' : ''
      }`}
      style={{ height: HEIGHT, transform: `translateY(${top}px)`, paddingLeft: 8 + Math.min(line.depth, 10) * 20 }}
    >
      <span
        aria-hidden="true"
        onClick={toggle}
        className={`flex size-6 shrink-0 items-center justify-center rounded-sm ${
          line.below > 0 ? 'cursor-pointer text-soft hover:text-ink' : 'invisible'
        }`}
      >
        <Icon name="chevron" className={`size-3.5 ${line.open ? 'rotate-90' : ''}`} />
      </span>
      {node.status && <Status of={node.status} />}
      <Name node={node} />
      {line.below > 0 && !line.open && (
        <span className="num shrink-0 rounded-full bg-sunk px-2 text-soft text-xs">{line.below} below</span>
      )}
      <span className="hidden min-w-0 flex-1 truncate text-soft text-xs md:block" title={node.reason?.text}>
        {node.reason?.text}
      </span>
      <span className="num ml-auto hidden shrink-0 items-center gap-4 text-soft text-xs sm:flex">
        {node.usage && node.usage.cost_usd > 0 && <span>{dollars(node.usage.cost_usd)}</span>}
        {node.created_at && (
          <>
            <span className="w-20 text-right">
              <Took from={node.created_at} to={node.status === 'running' ? null : (node.updated_at ?? null)} />
            </span>
            <span className="w-20 text-right">
              <Ago at={node.created_at} />
            </span>
          </>
        )}
      </span>
    </div>
  )
}

function Name({ node }: { node: Tree }) {
  const relation = node.relation === 'replay' ? 'replay' : node.parent ? node.parent.key : null
  if (node.deleted === true) {
    return (
      <span className="text-soft">
        deleted <code className="font-mono text-xs">{short(node.id)}</code>
      </span>
    )
  }
  return (
    <span className="flex min-w-0 items-center gap-1.5">
      <Link
        to="/executions/$id"
        params={{ id: node.id }}
        tabIndex={-1}
        className="max-w-full shrink-0 truncate font-medium hover:underline"
      >
        {node.flow}
      </Link>
      {node.relation === 'replay' && <Icon name="fork" className="size-3 text-soft" />}
      <span className="min-w-0 truncate text-soft text-xs max-sm:hidden">
        <code className="font-mono">{short(node.id)}</code>
        {relation !== null && ` · ${relation}`}
        {node.detached === true && ' · goes on by itself'}
      </span>
    </span>
  )
}
