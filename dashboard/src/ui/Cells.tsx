// A table of texts: what NumPy arrays and pandas frames are shown as.
import { useMemo, useState } from 'react'
import { frameOf } from '../model/frame'
import { readNpy } from '../model/npy'
import type { Json } from '../model/value'
import { More } from './Value'

const ROWS = 100

export function FrameTable({ value }: { value: Json }) {
  const [upto, setUpto] = useState(ROWS)
  const frame = useMemo(() => frameOf(value, upto), [value, upto])
  if (frame === null) return null
  return (
    <Cells columns={frame.columns} rows={frame.rows}>
      {frame.total > upto && <More left={frame.total - upto} what="rows" show={() => setUpto(upto + 10 * ROWS)} />}
    </Cells>
  )
}

export function ArrayTable({ base64 }: { base64: string }) {
  const [upto, setUpto] = useState(10 * ROWS)
  const numbers = useMemo(() => readNpy(base64, upto), [base64, upto])
  if (numbers === null) return <p className="text-soft">An array whose dtype is not read here.</p>
  const wide = numbers.shape.length > 1 ? (numbers.shape.at(-1) ?? 1) : 1
  const rows: string[][] = []
  for (let at = 0; wide > 0 && at < numbers.values.length; at += wide) rows.push(numbers.values.slice(at, at + wide))
  const total = numbers.shape.reduce((product, one) => product * one, 1)
  return (
    <div>
      <p className="text-soft text-xs">
        {numbers.dtype}, {numbers.shape.join(' × ') || 'one value'}
      </p>
      <Cells columns={[]} rows={rows}>
        {total > upto && <More left={total - upto} what="values" show={() => setUpto(upto * 4)} />}
      </Cells>
    </div>
  )
}

function Cells({ columns, rows, children }: { columns: string[]; rows: string[][]; children: React.ReactNode }) {
  return (
    <div className="overflow-x-auto">
      <table className="border-collapse text-xs">
        {columns.length > 0 && (
          <thead>
            <tr>
              {columns.map((column, at) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: a column is known by its place, two may have one name
                <th key={at} scope="col" className="border-line border-b px-2 py-1 text-left font-medium">
                  {column || <span className="sr-only">row</span>}
                </th>
              ))}
            </tr>
          </thead>
        )}
        <tbody>
          {rows.map((row, at) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: rows of a recorded value never change places
            <tr key={at}>
              {row.map((text, place) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: a cell is known by its place
                <td key={place} className="wrap-anywhere num max-w-80 border-line border-b px-2 py-1 align-top">
                  {text.slice(0, 500)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {children}
    </div>
  )
}
