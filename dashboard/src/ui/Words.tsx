// Two texts as one, with what went and what came in place. Loaded when a difference is looked at.
import { useMemo } from 'react'
import { words } from '../model/words'

/** Longer texts stand beside each other: their words are not compared, in characters. */
const LONGEST = 200_000

export default function Words({ before, after }: { before: string; after: string }) {
  const parts = useMemo(() => (before.length + after.length > LONGEST ? null : words(before, after)), [before, after])
  if (parts === null) {
    return (
      <div className="grid gap-3 md:grid-cols-2">
        <p className="md:col-span-2">These texts are too long for their words to be compared here.</p>
        {[before, after].map((text, at) => (
          <pre
            // biome-ignore lint/suspicious/noArrayIndexKey: the first and the second, always
            key={at}
            className="wrap-anywhere max-h-96 overflow-auto whitespace-pre-wrap font-mono text-xs leading-5"
          >
            {text.slice(0, LONGEST)}
          </pre>
        ))}
      </div>
    )
  }
  return (
    <p className="wrap-anywhere whitespace-pre-wrap text-sm leading-6">
      {parts.map((part, at) => {
        // biome-ignore lint/suspicious/noArrayIndexKey: parts of a text never change places
        if (part.kind === 'same') return <span key={at}>{part.text}</span>
        const Mark = part.kind === 'added' ? 'ins' : 'del'
        return (
          <Mark
            // biome-ignore lint/suspicious/noArrayIndexKey: parts of a text never change places
            key={at}
            className={
              part.kind === 'added'
                ? 'bg-completed-fill text-completed no-underline'
                : 'bg-failed-fill text-failed line-through'
            }
          >
            {part.text}
          </Mark>
        )
      })}
    </p>
  )
}
