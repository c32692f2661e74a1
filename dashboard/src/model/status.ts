// States with how they are shown: a word, a sign that does not rest on colour, a colour. Pure.
import type { Status } from '../api/schema'
import type { IconName } from '../ui/Icon'

export interface Look {
  word: string
  icon: IconName
  /** The classes of its text and of its fill; whole words, so that they are found when the styles are made. */
  text: string
  fill: string
  bar: string
}

export const LOOKS: Record<Status, Look> = {
  running: { word: 'running', icon: 'bolt', text: 'text-running', fill: 'bg-running-fill', bar: 'bg-running' },
  waiting: { word: 'waiting', icon: 'hand', text: 'text-waiting', fill: 'bg-waiting-fill', bar: 'bg-waiting' },
  sleeping: { word: 'sleeping', icon: 'clock', text: 'text-sleeping', fill: 'bg-sleeping-fill', bar: 'bg-sleeping' },
  paused: { word: 'paused', icon: 'pause', text: 'text-paused', fill: 'bg-paused-fill', bar: 'bg-paused' },
  interrupted: {
    word: 'interrupted',
    icon: 'link',
    text: 'text-interrupted',
    fill: 'bg-interrupted-fill',
    bar: 'bg-interrupted',
  },
  completed: {
    word: 'completed',
    icon: 'check',
    text: 'text-completed',
    fill: 'bg-completed-fill',
    bar: 'bg-completed',
  },
  failed: { word: 'failed', icon: 'cross', text: 'text-failed', fill: 'bg-failed-fill', bar: 'bg-failed' },
  cancelled: {
    word: 'cancelled',
    icon: 'stop',
    text: 'text-cancelled',
    fill: 'bg-cancelled-fill',
    bar: 'bg-cancelled',
  },
}

export const STATUSES = Object.keys(LOOKS) as Status[]

export const isStatus = (word: string): word is Status => Object.hasOwn(LOOKS, word)

/** Calls have states of their own, some of them the same words. */
export function lookOf(word: string): Look {
  if (isStatus(word)) return LOOKS[word]
  return { ...LOOKS.cancelled, word }
}

const ENDED = new Set<string>(['completed', 'failed', 'cancelled'])
export const hasEnded = (status: string) => ENDED.has(status)
