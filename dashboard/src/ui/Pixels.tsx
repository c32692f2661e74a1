// An image that was recorded as pixels, drawn. Modes that are not drawn here are named.
import { useEffect, useRef, useState } from 'react'
import type { Pixels as Given } from '../model/value'

/** Bytes a pixel, by mode. */
const MODES: Record<string, number> = { L: 1, RGB: 3, RGBA: 4 }
/** More pixels than this are not drawn: a picture of 10,000 by 10,000 takes 400 MB. */
const MOST = 40_000_000

export function Pixels({ pixels, name }: { pixels: Given; name: string }) {
  const canvas = useRef<HTMLCanvasElement>(null)
  const [problem, say] = useState<string | null>(null)
  const { base64, mode, width, height } = pixels
  const drawn = mode in MODES && width * height <= MOST
  useEffect(() => {
    let over = false
    if (drawn) {
      draw(base64, MODES[mode] ?? 1, width, height).then(
        image => {
          if (!over) canvas.current?.getContext('2d')?.putImageData(image, 0, 0)
        },
        () => {
          if (!over) say('The image cannot be read.')
        },
      )
    }
    return () => {
      over = true
    }
  }, [base64, mode, width, height, drawn])
  const words = `${width} × ${height}, ${mode}`
  if (!drawn) return <p className="text-soft">An image that is not drawn here: {words}</p>
  return (
    <figure>
      <canvas ref={canvas} width={width} height={height} role="img" aria-label={name} className="max-h-96 max-w-full" />
      <figcaption className="text-soft text-xs">{problem ?? words}</figcaption>
    </figure>
  )
}

async function draw(base64: string, each: number, width: number, height: number): Promise<ImageData> {
  const packed = Uint8Array.from(atob(base64), letter => letter.charCodeAt(0))
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('deflate'))
  const raw = new Uint8Array(await new Response(stream).arrayBuffer())
  if (raw.length < width * height * each) throw new RangeError('too few pixels')
  const image = new ImageData(width, height)
  for (let at = 0; at < width * height; at += 1) {
    const [from, to] = [at * each, at * 4]
    for (let part = 0; part < 3; part += 1) image.data[to + part] = raw[from + (each === 1 ? 0 : part)] ?? 0
    image.data[to + 3] = each === 4 ? (raw[from + 3] ?? 255) : 255
  }
  return image
}
