// How two values differ: words where both are texts, else lines by place. User text becomes text and never markup.
// Loaded when a difference is looked at.
import { useMemo, useState } from 'react'
import { type DeltaLine, lines } from '../model/delta'
import { brief, type Json } from '../model/value'
import { More } from './Value'
import Words from './Words'

/** Larger values stand beside each other: their parts are not compared here, in characters of JSON. */
const LARGEST = 500_000
/** Aligning long lists takes the square of their length. */
const LONGEST = 2_000
const PAGE = 200
/** From how many characters on words of a text are compared. */
const TEXT = 60

export default function ValueDiff({ before, after }: { before: Json; after: Json }) {
  const [upto, setUpto] = useState(PAGE)
  const found = useMemo(() => (isTooLarge(before) || isTooLarge(after) ? null : lines(before, after)), [before, after])
  if (typeof before === 'string' && typeof after === 'string') {
    return before === after ? <Same /> : <Words before={before} after={after} />
  }
  if (found === null) return <p className="text-soft">These values are too large to be compared here.</p>
  if (found.length === 0) return <Same />
  return (
    <div>
      <ul className="font-mono text-xs leading-5">
        {found.slice(0, upto).map(line => (
          <Line key={`${line.kind} ${line.path}`} line={line} />
        ))}
      </ul>
      {found.length > upto && <More left={found.length - upto} what="lines" show={() => setUpto(upto + PAGE)} />}
    </div>
  )
}

const Same = () => <p className="text-soft">They are the same.</p>

function isTooLarge(value: Json): boolean {
  if (JSON.stringify(value).length > LARGEST) return true
  const walk = (one: Json): boolean =>
    one !== null &&
    typeof one === 'object' &&
    (Array.isArray(one) ? one.length > LONGEST || one.some(walk) : Object.values(one).some(walk))
  return walk(value)
}

const LOOKS = {
  open: { sign: ' ', word: '', look: '' },
  same: { sign: ' ', word: '', look: 'text-soft' },
  added: { sign: '+', word: 'added: ', look: 'bg-completed-fill text-completed' },
  removed: { sign: '−', word: 'removed: ', look: 'bg-failed-fill text-failed' },
  changed: { sign: '≠', word: 'changed: ', look: '' },
  moved: { sign: '↕', word: 'moved: ', look: 'bg-sleeping-fill text-sleeping' },
} as const

function Line({ line }: { line: DeltaLine }) {
  const { sign, word, look } = LOOKS[line.kind]
  if (line.kind === 'open' && line.depth === 0) return null
  return (
    <li className={`flex gap-2 rounded-sm px-1 ${look}`} style={{ paddingLeft: 4 + Math.min(line.depth, 12) * 14 }}>
      <span aria-hidden="true" className="w-2 shrink-0 select-none">
        {sign}
      </span>
      <span className="wrap-anywhere min-w-0 flex-1">
        {word !== '' && <span className="sr-only">{word}</span>}
        <Inside line={line} />
      </span>
    </li>
  )
}

function Inside({ line: { kind, name, before, after, count } }: { line: DeltaLine }) {
  const label = name === '' ? null : <span className="text-soft">{name}: </span>
  switch (kind) {
    case 'open':
      return <span className="text-soft">{name}</span>
    case 'same':
      return count > 1 ? (
        <span>… {count} alike</span>
      ) : (
        <>
          {label}
          {shown(after)}
        </>
      )
    case 'added':
    case 'moved':
      return (
        <>
          {label}
          <Whole value={after} />
        </>
      )
    case 'removed':
      return (
        <>
          {label}
          <Whole value={before} />
        </>
      )
    case 'changed':
      if (typeof before === 'string' && typeof after === 'string' && before.length + after.length > TEXT) {
        return (
          <>
            {label}
            <Words before={before} after={after} />
          </>
        )
      }
      if (isBranch(before) || isBranch(after)) {
        return (
          <>
            {label}
            <del className="block bg-failed-fill text-failed no-underline">
              <Whole value={before} />
            </del>
            <ins className="block bg-completed-fill text-completed no-underline">
              <Whole value={after} />
            </ins>
          </>
        )
      }
      return (
        <>
          {label}
          <del className="bg-failed-fill text-failed line-through">{shown(before)}</del>{' '}
          <ins className="bg-completed-fill text-completed no-underline">{shown(after)}</ins>
        </>
      )
  }
}

const isBranch = (value: Json | undefined) => value !== null && typeof value === 'object'

/** A scalar as JSON; something larger by what it is. */
function shown(value: Json | undefined): string {
  if (value === undefined) return ''
  if (typeof value === 'string') return JSON.stringify(value)
  return brief(value)
}

const MOST = 300

/** All of a value that came or went, as JSON, opened in steps. */
function Whole({ value }: { value: Json | undefined }) {
  const [upto, setUpto] = useState(MOST)
  const text = value === undefined ? '' : JSON.stringify(value, null, 1)
  return (
    <span className="whitespace-pre-wrap">
      {text.slice(0, upto)}
      {text.length > upto && (
        <More left={text.length - upto} what="characters" show={() => setUpto(upto + MOST * 20)} />
      )}
    </span>
  )
}
