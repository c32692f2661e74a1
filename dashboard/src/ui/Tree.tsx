// JSON as a tree: what is closed is not in the page, and long lists open a hundred at a time.
import { useState } from 'react'
import { brief, bytesOf, digitsOf, type Json, npyOf, pixelsOf } from '../model/value'
import { ArrayTable } from './Cells'
import { Pixels } from './Pixels'
import { More, Text } from './Value'

const PAGE = 100
const LONG = 400

export function Tree({ value }: { value: Json }) {
  if (!isBranch(value)) return <Leaf value={value} />
  return (
    <div className="font-mono text-xs leading-5">
      <Branch value={value} depth={0} />
    </div>
  )
}

const isBranch = (value: Json): value is Exclude<Json, string | number | boolean | null> =>
  value !== null &&
  typeof value === 'object' &&
  [bytesOf, digitsOf, npyOf, pixelsOf].every(kind => kind(value) === null)

function Leaf({ value }: { value: Json }) {
  const [whole, setWhole] = useState(false)
  if (typeof value === 'string' && (value.length > LONG || value.includes('\n'))) {
    return whole ? (
      <Text text={value} />
    ) : (
      <span className="wrap-anywhere">
        "{value.slice(0, 120).replaceAll('\n', '⏎')}"
        <button type="button" className="ml-1 text-link hover:underline" onClick={() => setWhole(true)}>
          all {value.length} characters
        </button>
      </span>
    )
  }
  const [bytes, pixels, npy] = [bytesOf(value), pixelsOf(value), npyOf(value)]
  if (bytes?.image)
    return <img alt="" className="max-h-48 max-w-full" src={`data:${bytes.image};base64,${bytes.base64}`} />
  if (pixels) return <Pixels pixels={pixels} name="image" />
  if (npy !== null) return <ArrayTable base64={npy} />
  if (value !== null && typeof value === 'object') return <span className="font-mono text-xs">{brief(value)}</span>
  const isText = typeof value === 'string'
  return (
    <span className={`wrap-anywhere ${isText ? '' : 'text-link'}`}>
      {isText ? `"${value}"` : JSON.stringify(value)}
    </span>
  )
}

function Branch({ value, depth }: { value: Exclude<Json, string | number | boolean | null>; depth: number }) {
  const [upto, setUpto] = useState(PAGE)
  const entries = Array.isArray(value)
    ? value.map((one, at): [string, Json] => [String(at), one])
    : Object.entries(value)
  if (entries.length === 0) return <span className="text-soft">{Array.isArray(value) ? '[]' : '{}'}</span>
  return (
    <ul className={depth === 0 ? '' : 'border-line border-l pl-3'}>
      {entries.slice(0, upto).map(([name, one]) => (
        <Entry key={name} name={name} value={one} depth={depth} small={entries.length <= 12} />
      ))}
      {entries.length > upto && (
        <li>
          <More left={entries.length - upto} what="entries" show={() => setUpto(upto + PAGE)} />
        </li>
      )}
    </ul>
  )
}

function Entry({ name, value, depth, small }: { name: string; value: Json; depth: number; small: boolean }) {
  const [open, setOpen] = useState(isBranch(value) && depth < 1 && small)
  if (!isBranch(value)) {
    return (
      <li>
        <span className="text-soft">{name}: </span>
        <Leaf value={value} />
      </li>
    )
  }
  return (
    <li>
      <details open={open} onToggle={event => setOpen(event.currentTarget.open)}>
        <summary className="hover:bg-sunk">
          <span className="text-soft">{name}: </span>
          <span className="text-soft">{brief(value)}</span>
        </summary>
        {open && <Branch value={value} depth={depth + 1} />}
      </details>
    </li>
  )
}
