// What is said in place of content: something is loading, is empty, or was refused.
import type { ReactNode } from 'react'
import { Refused } from '../api/client'
import { Button } from './Button'

export function Loading({ what }: { what: string }) {
  return (
    <p className="p-4 text-soft" role="status">
      Loading {what}…
    </p>
  )
}

export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="px-4 py-12 text-center text-soft">
      <p className="font-medium text-base text-ink">{title}</p>
      {children}
    </div>
  )
}

/** An error in words: what the server said, and its way out. */
export function Trouble({ error, again }: { error: unknown; again?: () => void }) {
  const refused = error instanceof Refused ? error : null
  const text = refused?.message ?? 'The server cannot be reached.'
  return (
    <div role="alert" className="m-1 rounded-md bg-failed-fill px-3 py-2 text-failed text-sm">
      <p className="wrap-anywhere whitespace-pre-wrap">{text}</p>
      {refused?.hint && <code className="mt-1 block font-mono text-xs">{refused.hint}</code>}
      {refused && <p className="mt-1 text-xs">Code: {refused.code}</p>}
      {again && (
        <Button className="mt-2" icon="retry" onClick={again}>
          Try again
        </Button>
      )}
    </div>
  )
}
