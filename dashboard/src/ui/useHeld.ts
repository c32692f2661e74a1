// Keeps what somebody looks at in its place when rows come or go above it, in a list that is scrolled with the window.
import { useLayoutEffect, useRef } from 'react'

interface Held {
  ids: string[]
  /** The row at the window's upper edge, and how far above that it begins. */
  id: string | undefined
  above: number
}

/**
 * `ids`: the rows in their order; `height`: of each; `top`: where the list begins on the page. Who stands at the top of
 * the page sees what comes; who has scrolled down goes on looking at the same rows.
 */
export function useHeld(ids: string[], height: number, top: number) {
  const held = useRef<Held>({ ids, id: undefined, above: 0 })
  useLayoutEffect(() => {
    const look = () => {
      const inside = window.scrollY - top
      const at = Math.floor(inside / height)
      const { ids } = held.current
      held.current = { ids, id: inside > 0 ? ids[at] : undefined, above: inside - at * height }
    }
    window.addEventListener('scroll', look, { passive: true })
    return () => window.removeEventListener('scroll', look)
  }, [height, top])
  useLayoutEffect(() => {
    const { ids: before, id, above } = held.current
    held.current.ids = ids
    if (id === undefined || before === ids) return
    const at = ids.indexOf(id)
    const place = top + at * height + above
    if (at >= 0 && Math.abs(place - window.scrollY) >= 1) window.scrollTo({ top: place, behavior: 'instant' })
  }, [ids, height, top])
}
