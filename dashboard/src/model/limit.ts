// A limit in words, and what somebody typed to set one. Pure: the current time is an argument.
import type { Limit } from '../api/schema'

/** What a limit holds back: `10 at once · 50/s, 5 together`; none where nobody has set it. */
export function rule({ at_once, rate, burst }: Pick<Limit, 'at_once' | 'rate' | 'burst'>): string | null {
  const parts: string[] = []
  if (at_once !== null) parts.push(`${at_once} at once`)
  if (rate !== null) parts.push(burst !== null && burst > 1 ? `${rate}, ${burst} together` : rate)
  return parts.length === 0 ? null : parts.join(' · ')
}

/** Until when nobody begins there. A gate stays on record when its time is over: then it is none. */
export function closedUntil({ closed_until }: Pick<Limit, 'closed_until'>, now: number): string | null {
  return closed_until !== null && Date.parse(closed_until) > now ? closed_until : null
}

/** What a form for a limit holds, as typed. */
export interface Typed {
  atOnce: string
  rate: string
  burst: string
}

export interface Setting {
  at_once: number | null
  rate: string | null
  burst: number | null
}

export const typedOf = ({ at_once, rate, burst }: Pick<Limit, 'at_once' | 'rate' | 'burst'>): Typed => ({
  atOnce: at_once === null ? '' : String(at_once),
  rate: rate ?? '',
  // One together is what a rate means by itself.
  burst: burst === null || burst === 1 ? '' : String(burst),
})

/** What is sent of it, or why it cannot be sent yet. The server looks at it again. */
export function settingOf({ atOnce, rate, burst }: Typed): Setting | { wrong: string } {
  const [many, together] = [whole(atOnce), whole(burst)]
  if (Number.isNaN(many) || Number.isNaN(together)) return { wrong: 'Numbers here are whole, and 1 or more.' }
  const pace = rate.trim()
  if (many === null && pace === '') return { wrong: 'Say how many run at once, how many begin in a time, or both.' }
  if (together !== null && pace === '') return { wrong: 'How many begin together goes with how many begin in a time.' }
  return { at_once: many, rate: pace === '' ? null : pace, burst: together }
}

/** A number of 1 or more; none for nothing; NaN for what is no such number. */
function whole(text: string): number | null {
  if (text.trim() === '') return null
  return /^[1-9]\d{0,8}$/.test(text.trim()) ? Number(text) : Number.NaN
}
