// The filters of the list. They stand in the page's address and nowhere else.
import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useEffect, useRef, useState } from 'react'
import { flows, tags, type Wanted } from '../../api/queries'
import { LOOKS, STATUSES } from '../../model/status'
import { Button } from '../../ui/Button'
import { Icon } from '../../ui/Icon'

/** Typing is followed by a look after so many milliseconds of rest. */
const REST = 200

export function Filters({ wanted }: { wanted: Wanted }) {
  const navigate = useNavigate()
  const known = useQuery(flows())
  const used = useQuery(tags())
  const set = (part: Wanted) =>
    void navigate({ to: '/executions', search: { ...wanted, ...part }, replace: true, resetScroll: false })
  const statuses = new Set(wanted.status?.split(',').filter(Boolean))
  const toggle = (status: string) => {
    if (!statuses.delete(status)) statuses.add(status)
    set({ status: [...statuses].join(',') || undefined })
  }
  return (
    <search className="flex flex-col gap-2">
      <div className="flex flex-wrap items-center gap-2">
        <Search value={wanted.search ?? ''} set={search => set({ search: search || undefined })} />
        <Choice
          label="Flow"
          value={wanted.flow}
          set={flow => set({ flow })}
          of={known.data?.items.map(one => one.flow)}
        />
        <Choice label="Tag" value={wanted.tag} set={tag => set({ tag })} of={used.data?.items.map(one => one.tag)} />
        <Choice label="Age" value={wanted.since} set={since => set({ since })} of={AGES} words={AGE_WORDS} />
        <Choice
          label="Cost"
          value={wanted.min_cost}
          set={min_cost => set({ min_cost })}
          of={COSTS}
          words={COST_WORDS}
        />
        {Object.values(wanted).some(Boolean) && (
          <Button
            kind="bare"
            icon="cross"
            onClick={() => void navigate({ to: '/executions', search: {}, replace: true })}
          >
            Clear
          </Button>
        )}
      </div>
      <fieldset className="flex flex-wrap gap-1.5">
        <legend className="sr-only">Status</legend>
        {STATUSES.map(status => (
          <button
            key={status}
            type="button"
            aria-pressed={statuses.has(status)}
            onClick={() => toggle(status)}
            className={`inline-flex items-center gap-1 rounded-full border px-2.5 py-0.5 font-medium text-xs ${
              statuses.has(status)
                ? `border-current ${LOOKS[status].text} ${LOOKS[status].fill}`
                : 'border-line text-soft hover:bg-sunk'
            }`}
          >
            <Icon name={LOOKS[status].icon} className="size-3" />
            {status}
          </button>
        ))}
      </fieldset>
    </search>
  )
}

const AGES = ['1h', '24h', '7d', '30d']
const AGE_WORDS: Record<string, string> = {
  '1h': 'last hour',
  '24h': 'last day',
  '7d': 'last week',
  '30d': 'last month',
}
const COSTS = ['0.01', '0.1', '1', '10']
const COST_WORDS: Record<string, string> = {
  '0.01': '$0.01 or more',
  '0.1': '$0.10 or more',
  '1': '$1 or more',
  '10': '$10 or more',
}

function Search({ value, set }: { value: string; set: (text: string) => void }) {
  const [text, setText] = useState(value)
  const field = useRef<HTMLInputElement>(null)
  useEffect(() => setText(value), [value])
  useEffect(() => {
    if (text === value) return
    const timer = setTimeout(() => set(text), REST)
    return () => clearTimeout(timer)
  })
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      const typing = event.target instanceof Element && event.target.matches('input, textarea, select')
      if (event.key === '/' && !typing) {
        event.preventDefault()
        field.current?.focus()
      }
    }
    window.addEventListener('keydown', press)
    return () => window.removeEventListener('keydown', press)
  }, [])
  return (
    <label className="relative min-w-48 flex-1">
      <span className="sr-only">Search in identifiers, flows, keys and tags</span>
      <Icon name="search" className="pointer-events-none absolute top-2.5 left-2.5 size-3.5 text-soft" />
      <input
        ref={field}
        type="search"
        className="field !pl-8"
        placeholder="Search ( / )"
        value={text}
        onChange={event => setText(event.target.value)}
      />
    </label>
  )
}

interface ChoiceProps {
  label: string
  value: string | undefined
  set: (value: string | undefined) => void
  of: string[] | undefined
  words?: Record<string, string>
}

function Choice({ label, value, set, of, words = {} }: ChoiceProps) {
  const all = value !== undefined && !of?.includes(value) ? [value, ...(of ?? [])] : (of ?? [])
  return (
    <select
      aria-label={label}
      className="field !w-auto max-w-44"
      value={value ?? ''}
      onChange={event => set(event.target.value || undefined)}
    >
      <option value="">{label}: any</option>
      {all.map(one => (
        <option key={one} value={one}>
          {words[one] ?? one}
        </option>
      ))}
    </select>
  )
}
