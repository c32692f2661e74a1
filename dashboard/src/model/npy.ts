// Arrays as NumPy writes them (the .npy format, NEP 1), read for showing: numbers, truth values, texts and times. Pure.

export interface Numbers {
  dtype: string
  shape: number[]
  /** The first values, in the order of the file, each as its text. */
  values: string[]
}

/** How base64 of a .npy file begins. */
const MAGIC = 'k05VTVBZ'

export const isNpy = (text: string) => text.startsWith(MAGIC)

/** What stands in a .npy file in base64, at most `most` values; none for what this does not read. */
export function readNpy(base64: string, most: number): Numbers | null {
  const bytes = bytesOf(base64)
  if (bytes === null || bytes.length < 12) return null
  const view = new DataView(bytes.buffer)
  const wide = (bytes[6] ?? 1) > 1
  const begin = wide ? 12 : 10
  const length = wide ? view.getUint32(8, true) : view.getUint16(8, true)
  const head = new TextDecoder().decode(bytes.subarray(begin, begin + length))
  const dtype = /'descr': '([^']+)'/.exec(head)?.[1]
  const shape = /'shape': \(([^)]*)\)/.exec(head)?.[1]
  if (dtype === undefined || shape === undefined) return null
  const sizes = shape.split(',').filter(part => part.trim() !== '')
  // Columns first: read as they stand, values would be shown in each other's places.
  if (sizes.length > 1 && head.includes("'fortran_order': True")) return null
  const dimensions = sizes.map(Number)
  const total = dimensions.reduce((product, one) => product * one, 1)
  const reader = readerOf(dtype)
  if (reader === null || dimensions.some(one => !Number.isSafeInteger(one) || one < 0)) return null
  const at = begin + length
  const count = Math.min(total, most, Math.floor((bytes.length - at) / reader.size))
  const values = Array.from({ length: count }, (_, place) => reader.read(view, at + place * reader.size))
  return { dtype, shape: dimensions, values }
}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> | null {
  try {
    return Uint8Array.from(atob(base64), letter => letter.charCodeAt(0))
  } catch {
    return null
  }
}

interface Reader {
  size: number
  read: (view: DataView, at: number) => string
}

function readerOf(dtype: string): Reader | null {
  const [, order, kind, digits, unit] = /^([<>|=]?)([a-zA-Z])(\d+)(?:\[(\w+)\])?$/.exec(dtype) ?? []
  const size = Number(digits)
  const little = order !== '>'
  switch (`${kind}${digits}`) {
    case 'b1':
      return { size, read: (view, at) => (view.getUint8(at) ? 'True' : 'False') }
    case 'i1':
      return { size, read: (view, at) => String(view.getInt8(at)) }
    case 'u1':
      return { size, read: (view, at) => String(view.getUint8(at)) }
    case 'i2':
      return { size, read: (view, at) => String(view.getInt16(at, little)) }
    case 'u2':
      return { size, read: (view, at) => String(view.getUint16(at, little)) }
    case 'i4':
      return { size, read: (view, at) => String(view.getInt32(at, little)) }
    case 'u4':
      return { size, read: (view, at) => String(view.getUint32(at, little)) }
    case 'i8':
      return { size, read: (view, at) => String(view.getBigInt64(at, little)) }
    case 'u8':
      return { size, read: (view, at) => String(view.getBigUint64(at, little)) }
    case 'f4':
      return { size, read: (view, at) => singleText(view.getFloat32(at, little)) }
    case 'f8':
      return { size, read: (view, at) => numberText(view.getFloat64(at, little)) }
    case 'M8':
      return unit === undefined ? null : { size, read: (view, at) => timeText(view.getBigInt64(at, little), unit) }
    default:
      return kind === 'U' ? { size: size * 4, read: (view, at) => textAt(view, at, size, little) } : null
  }
}

const numberText = (value: number) => (Number.isNaN(value) ? 'nan' : String(value))

/** The fewest digits that say which single-precision number it is, as NumPy prints it. */
function singleText(value: number): string {
  const digits = [6, 7, 8, 9].find(one => Math.fround(Number(value.toPrecision(one))) === value)
  return digits === undefined ? numberText(value) : String(Number(value.toPrecision(digits)))
}

const NEVER = -(2n ** 63n)
const PER_SECOND: Record<string, bigint> = { s: 1n, ms: 1_000n, us: 1_000_000n, ns: 1_000_000_000n }

function timeText(value: bigint, unit: string): string {
  const per = PER_SECOND[unit]
  if (value === NEVER) return 'NaT'
  if (per === undefined) return `${value} ${unit}`
  // Downwards, before 1970 too; the rest keeps all of its digits.
  const rest = ((value % per) + per) % per
  const time = new Date(Number((value - rest) / per) * 1_000)
  if (Number.isNaN(time.getTime())) return `${value} ${unit}`
  const digits =
    per === 1n
      ? ''
      : String(rest)
          .padStart(String(per).length - 1, '0')
          .replace(/0+$/, '')
  return time.toISOString().slice(0, -5) + (digits === '' ? '' : `.${digits}`)
}

function textAt(view: DataView, at: number, letters: number, little: boolean): string {
  let text = ''
  for (let place = 0; place < letters; place += 1) {
    const letter = view.getUint32(at + place * 4, little)
    if (letter === 0) break
    text += letter <= 0x10ffff ? String.fromCodePoint(letter) : '�'
  }
  return text
}
