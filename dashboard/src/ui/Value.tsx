// A recorded value, shown as what it is: a table, Markdown, an image, a text, or a tree of JSON that opens in pages and
// can be searched. User text becomes text and never markup; Markdown is drawn without raw HTML.
import { lazy, Suspense, useId, useMemo, useState } from 'react'
import { frameOf } from '../model/frame'
import { brief, bytesOf, columnsOf, find, isMarkdown, type Json, npyOf, pixelsOf } from '../model/value'
import { ArrayTable, FrameTable } from './Cells'
import { Pixels } from './Pixels'
import { Tree } from './Tree'

const Markdown = lazy(() => import('./Markdown'))

/** From how many characters of JSON on a search is offered. */
const LARGE = 2_000
const HITS = 200
const ROWS = 100
/** How much of a text is put into the page at once, in characters. */
const TEXT = 50_000

type As = 'tree' | 'table' | 'frame' | 'array' | 'markdown' | 'text' | 'image' | 'pixels'

function looksOf(value: Json): As[] {
  if (typeof value === 'string') return isMarkdown(value) ? ['markdown', 'text'] : ['text']
  if (bytesOf(value)?.image) return ['image', 'tree']
  if (pixelsOf(value)) return ['pixels']
  if (npyOf(value) !== null) return ['array']
  if (frameOf(value, 1) !== null) return ['frame', 'tree']
  return columnsOf(value) === null ? ['tree'] : ['table', 'tree']
}

const WORDS: Record<As, string> = {
  tree: 'JSON',
  table: 'Table',
  frame: 'Table',
  array: 'Array',
  markdown: 'Markdown',
  text: 'Text',
  image: 'Image',
  pixels: 'Image',
}

export function Value({ value: given, name }: { value: unknown; name: string }) {
  const value = given as Json
  const looks = useMemo(() => looksOf(value), [value])
  const [chosen, choose] = useState<As | null>(null)
  const [text, setText] = useState('')
  const as = chosen !== null && looks.includes(chosen) ? chosen : (looks[0] ?? 'tree')
  const isLarge = useMemo(() => typeof value === 'object' && JSON.stringify(value).length > LARGE, [value])
  const field = useId()
  return (
    <div className="min-w-0">
      {(looks.length > 1 || isLarge) && (
        <div className="mb-1.5 flex flex-wrap items-center gap-1">
          {looks.length > 1 &&
            looks.map(look => (
              <button
                key={look}
                type="button"
                aria-pressed={look === as}
                onClick={() => choose(look)}
                className="rounded-sm px-1.5 py-0.5 text-soft text-xs hover:bg-sunk aria-pressed:bg-sunk aria-pressed:text-ink"
              >
                {WORDS[look]}
              </button>
            ))}
          {isLarge && (
            <input
              id={field}
              type="search"
              aria-label={`Search in ${name}`}
              placeholder="Search"
              className="field !w-40 !py-0.5 ml-auto text-xs"
              value={text}
              onChange={event => setText(event.target.value)}
            />
          )}
        </div>
      )}
      {text.trim() !== '' ? <Found value={value} text={text.trim()} /> : <Shown value={value} as={as} name={name} />}
    </div>
  )
}

function Shown({ value, as, name }: { value: Json; as: As; name: string }) {
  switch (as) {
    case 'text':
      return <Text text={String(value)} />
    case 'markdown':
      return (
        <Suspense fallback={<Text text={String(value)} />}>
          <Markdown text={String(value)} />
        </Suspense>
      )
    case 'table':
      return <Table rows={value as { [name: string]: Json }[]} />
    case 'image': {
      const bytes = bytesOf(value)
      return (
        bytes && <img alt={name} className="max-h-96 max-w-full" src={`data:${bytes.image};base64,${bytes.base64}`} />
      )
    }
    case 'pixels': {
      const pixels = pixelsOf(value)
      return pixels && <Pixels pixels={pixels} name={name} />
    }
    case 'array':
      return <ArrayTable base64={npyOf(value) ?? ''} />
    case 'frame':
      return <FrameTable value={value} />
    case 'tree':
      return <Tree value={value} />
  }
}

export function Text({ text }: { text: string }) {
  const [upto, setUpto] = useState(TEXT)
  return (
    <div>
      <pre className="wrap-anywhere whitespace-pre-wrap font-mono text-xs leading-5">{text.slice(0, upto)}</pre>
      {text.length > upto && <More left={text.length - upto} what="characters" show={() => setUpto(upto + TEXT)} />}
    </div>
  )
}

export function More({ left, what, show }: { left: number; what: string; show: () => void }) {
  return (
    <button type="button" onClick={show} className="mt-1 text-link text-xs hover:underline">
      Show more ({left} {what} left)
    </button>
  )
}

function Found({ value, text }: { value: Json; text: string }) {
  const hits = useMemo(() => find(value, text, HITS), [value, text])
  return (
    <div>
      <p className="text-soft text-xs" role="status">
        {hits.length === HITS ? `The first ${HITS} places` : `${hits.length} places`}
      </p>
      <ul className="font-mono text-xs leading-5">
        {hits.map(hit => (
          <li key={hit.path} className="wrap-anywhere">
            <span className="text-soft">{hit.path}: </span>
            {brief(hit.value).slice(0, 300)}
          </li>
        ))}
      </ul>
    </div>
  )
}

function Table({ rows }: { rows: { [name: string]: Json }[] }) {
  const [upto, setUpto] = useState(ROWS)
  const columns = columnsOf(rows) ?? []
  return (
    <div className="overflow-x-auto">
      <table className="border-collapse text-xs">
        <thead>
          <tr>
            {columns.map(column => (
              <th key={column} scope="col" className="border-line border-b px-2 py-1 text-left font-medium">
                {column}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, upto).map((row, at) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: rows of a recorded value never change places
            <tr key={at}>
              {columns.map(column => (
                <td key={column} className="wrap-anywhere max-w-80 border-line border-b px-2 py-1 align-top">
                  {row[column] === undefined ? '' : brief(row[column]).slice(0, 500)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length > upto && <More left={rows.length - upto} what="rows" show={() => setUpto(upto + ROWS)} />}
    </div>
  )
}
