// What a recorded value is, so that it can be shown as such. Pure.

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json }

/** Bytes as they are recorded: tagged, in base64. */
const TAG = '$kitaru'
const INSIDE = 'v'

export interface Bytes {
  base64: string
  /** The type of an image that browsers show, else none. SVG is none of them: it can carry scripts. */
  image: string | null
}

const IMAGES: [string, string][] = [
  ['iVBORw0KGgo', 'image/png'],
  ['/9j/', 'image/jpeg'],
  ['R0lGOD', 'image/gif'],
  ['UklGR', 'image/webp'],
]

export function bytesOf(value: Json): Bytes | null {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return null
  const base64 = value[INSIDE]
  if ((value[TAG] !== 'bytes' && value[TAG] !== 'bytearray') || typeof base64 !== 'string') return null
  return { base64, image: IMAGES.find(([magic]) => base64.startsWith(magic))?.[1] ?? null }
}

/** An array of NumPy as it is recorded: a .npy file in base64. */
export function npyOf(value: Json): string | null {
  return tagged(value, 'numpy.array')
}

/** Pixels as PIL images are recorded: compressed, with their mode and size. */
export interface Pixels {
  base64: string
  mode: string
  width: number
  height: number
}

export function pixelsOf(value: Json): Pixels | null {
  const base64 = tagged(value, 'PIL.image')
  if (base64 === null) return null
  const { mode, size } = value as { mode?: Json; size?: Json }
  if (typeof mode !== 'string' || !Array.isArray(size)) return null
  return { base64, mode, width: Number(size[0]), height: Number(size[1]) }
}

function tagged(value: Json, kind: string): string | null {
  if (value === null || typeof value !== 'object' || Array.isArray(value) || value[TAG] !== kind) return null
  return typeof value[INSIDE] === 'string' ? value[INSIDE] : null
}

/** The digits of a whole number that JavaScript would round (api/exact.ts). */
export function digitsOf(value: Json): string | null {
  return tagged(value, 'int')
}

/** The columns of a list of objects that have much the same fields; none for what is no table. */
export function columnsOf(value: Json): string[] | null {
  if (!Array.isArray(value) || value.length < 2) return null
  const names = new Map<string, number>()
  for (const row of value.slice(0, 100)) {
    if (row === null || typeof row !== 'object' || Array.isArray(row)) return null
    for (const name of Object.keys(row)) names.set(name, (names.get(name) ?? 0) + 1)
  }
  const shared = [...names].filter(([, number]) => number * 2 >= Math.min(value.length, 100)).map(([name]) => name)
  return shared.length > 0 && names.size <= 30 ? [...names.keys()] : null
}

/** Whether a text is written in Markdown, as far as can be told. */
export function isMarkdown(text: string): boolean {
  return /^#{1,4} \S|^\s*[-*] \S.*\n\s*[-*] \S|\*\*\S[^*\n]*\*\*|^```|^\|.*\|\n\|[-: |]+\|/m.test(text)
}

export interface Hit {
  path: string
  value: Json
}

/** Where a text stands in a value, as a name or inside a scalar: at most `most` places. */
export function find(value: Json, text: string, most: number): Hit[] {
  const wanted = text.toLowerCase()
  const hits: Hit[] = []
  const walk = (one: Json, path: string, name: string) => {
    if (hits.length >= most) return
    const isScalar = one === null || typeof one !== 'object'
    if (name.toLowerCase().includes(wanted) || (isScalar && String(one).toLowerCase().includes(wanted))) {
      hits.push({ path, value: one })
    }
    if (Array.isArray(one)) for (const [at, item] of one.entries()) walk(item, `${path}[${at}]`, '')
    else if (!isScalar) for (const [field, inside] of Object.entries(one)) walk(inside, step(path, field), field)
  }
  walk(value, '', '')
  return hits
}

/** A path one field further in. */
export const step = (path: string, name: string) => (path === '' ? name : `${path}.${name}`)

/** A scalar in a line; something larger by what it is. */
export function brief(value: Json): string {
  const digits = digitsOf(value)
  if (digits !== null) return digits
  if (Array.isArray(value)) return value.length === 1 ? '1 item' : `${value.length} items`
  if (value !== null && typeof value === 'object') {
    const bytes = bytesOf(value)
    if (bytes !== null) return `${Math.floor((bytes.base64.length * 3) / 4)} bytes`
    const fields = Object.keys(value).length
    return fields === 1 ? '1 field' : `${fields} fields`
  }
  return typeof value === 'string' ? value : JSON.stringify(value)
}
