// Tables that are recorded by columns, as pandas frames are: made into rows for showing. Pure.
import { readNpy } from './npy'
import type { Json } from './value'

export interface Frame {
  columns: string[]
  rows: string[][]
  /** How many rows there are in all. */
  total: number
}

type Fields = { [name: string]: Json }

const isFields = (value: Json | undefined): value is Fields =>
  value !== null && typeof value === 'object' && !Array.isArray(value)

/** The first rows of a recorded frame, at most `most`; none for what is no frame, or has a column that is not read here. */
export function frameOf(value: Json, most: number): Frame | null {
  if (!isFields(value) || !Array.isArray(value.data) || !isFields(value.columns) || !isFields(value.index)) return null
  const names = labels(value.columns, value.data.length)
  const data = value.data.map(column => (isFields(column) ? cells(column, most) : null))
  if (names === null || data.some(column => column === null)) return null
  const columns = data as { cells: string[]; total: number }[]
  const total = Math.max(0, ...columns.map(column => column.total))
  const index = labels(value.index, Math.min(total, most)) ?? []
  const rows = Array.from({ length: Math.min(total, most) }, (_, at) => [
    index[at] ?? String(at),
    ...columns.map(column => column.cells[at] ?? ''),
  ])
  return { columns: ['', ...names], rows, total }
}

function cells(column: Fields, most: number): { cells: string[]; total: number } | null {
  if (Array.isArray(column.list)) {
    return { cells: column.list.slice(0, most).map(cell), total: column.list.length }
  }
  if (isFields(column.categories) && typeof column.codes === 'string') {
    const codes = readNpy(column.codes, most)
    const names = labels(column.categories, most) ?? []
    return codes && { cells: codes.values.map(code => names[Number(code)] ?? ''), total: codes.shape[0] ?? 0 }
  }
  if (typeof column.npy !== 'string') return null
  const numbers = readNpy(column.npy, most)
  // With a zone it is recorded in UTC.
  const zone = column.tz === undefined ? '' : ' UTC'
  return numbers && { cells: numbers.values.map(text => text + zone), total: numbers.shape[0] ?? 0 }
}

/** Names of columns or rows. */
function labels(index: Fields, count: number): string[] | null {
  if (Array.isArray(index.range)) {
    const [start = 0, , step = 1] = index.range.map(Number)
    return Array.from({ length: count }, (_, at) => String(start + at * step))
  }
  return cells(index, count)?.cells ?? null
}

const cell = (value: Json) => (value === null ? '' : typeof value === 'string' ? value : JSON.stringify(value))
