// The command palette: every screen, and every execution that a text finds, by keyboard.
import { useInfiniteQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { type KeyboardEvent, useDeferredValue, useEffect, useId, useState } from 'react'
import { executions } from '../api/queries'
import { short } from '../model/ids'
import { Button } from './Button'
import { Dialog } from './Dialog'
import { Status } from './Status'

const SCREENS = [
  'inbox',
  'executions',
  'flows',
  'deployments',
  'schedules',
  'fleet',
  'breakpoints',
  'limits',
  'workers',
  'audit',
  'tokens',
] as const

export function Palette() {
  const [open, setOpen] = useState(false)
  useEffect(() => {
    const press = (event: globalThis.KeyboardEvent) => {
      if (event.key.toLowerCase() === 'k' && (event.ctrlKey || event.metaKey)) {
        event.preventDefault()
        setOpen(true)
      }
    }
    window.addEventListener('keydown', press)
    return () => window.removeEventListener('keydown', press)
  }, [])
  return (
    <>
      <Button kind="bare" icon="search" className="!justify-start !px-2" onClick={() => setOpen(true)}>
        Go to…
        <kbd className="ml-auto font-sans text-xs">Ctrl K</kbd>
      </Button>
      {open && <Chooser close={() => setOpen(false)} />}
    </>
  )
}

function Chooser({ close }: { close: () => void }) {
  const navigate = useNavigate()
  const [text, setText] = useState('')
  const [at, setAt] = useState(0)
  const list = useId()
  const wanted = useDeferredValue(text.trim())
  const { data } = useInfiniteQuery({ ...executions({ search: wanted }), enabled: wanted !== '' })
  const found = wanted === '' ? [] : (data?.pages[0]?.items.slice(0, 8) ?? [])
  const screens = SCREENS.filter(screen => screen.includes(text.trim().toLowerCase()))
  const choices = [
    ...screens.map(screen => ({
      key: `/${screen}`,
      label: screen[0]?.toUpperCase() + screen.slice(1),
      status: null,
      go: () => navigate({ to: `/${screen}` }),
    })),
    ...found.map(one => ({
      key: one.id,
      label: `${one.flow} ${short(one.id)}`,
      status: one.status,
      go: () => navigate({ to: '/executions/$id', params: { id: one.id } }),
    })),
  ]
  const chosen = Math.min(at, choices.length - 1)
  const take = (index: number) => {
    const choice = choices[index]
    if (choice === undefined) return
    close()
    void choice.go()
  }
  const press = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (step !== undefined && choices.length > 0) {
      event.preventDefault()
      setAt((chosen + step + choices.length) % choices.length)
    } else if (event.key === 'Enter') {
      event.preventDefault()
      take(chosen)
    }
  }
  return (
    <Dialog title="Go to" onClose={close}>
      <input
        role="combobox"
        aria-label="A screen, or a part of an execution's identifier, flow, key or tag"
        aria-expanded="true"
        aria-controls={list}
        aria-activedescendant={choices[chosen] && `${list}-${chosen}`}
        autoFocus
        className="field"
        placeholder="A screen or an execution"
        value={text}
        onChange={event => {
          setText(event.target.value)
          setAt(0)
        }}
        onKeyDown={press}
      />
      <ul id={list} role="listbox" aria-label="Choices" className="mt-3 flex max-h-80 flex-col overflow-y-auto">
        {choices.map((choice, index) => (
          <li
            key={choice.key}
            id={`${list}-${index}`}
            role="option"
            tabIndex={-1}
            aria-selected={index === chosen}
            className="flex cursor-pointer items-center justify-between gap-2 rounded-md px-2.5 py-1.5 aria-selected:bg-sunk"
            onClick={() => take(index)}
          >
            {choice.label}
            {choice.status && <Status of={choice.status} />}
          </li>
        ))}
      </ul>
      {choices.length === 0 && <p className="mt-3 text-soft">Nothing has that name.</p>}
    </Dialog>
  )
}
