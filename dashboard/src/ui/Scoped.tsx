// What is said where the caller's token does not allow to look: which scope is wanted, and a way to show another token.

import { useQueryClient } from '@tanstack/react-query'
import { Refused, token } from '../api/client'
import { follow } from '../api/live'
import { Button } from './Button'
import { Trouble } from './Notice'

/** The scope that a refusal wants; none: it is refused for another reason. */
export function scopeWanted(error: unknown): string | null {
  if (!(error instanceof Refused) || error.code !== 'forbidden') return null
  return /^this wants the scope (\w+)$/.exec(error.message)?.[1] ?? null
}

/** A refusal, told as what it is. */
export function Barred({ error, again }: { error: unknown; again: () => void }) {
  const client = useQueryClient()
  const scope = scopeWanted(error)
  if (scope === null) return <Trouble error={error} again={again} />
  return (
    <div className="sheet px-4 py-12 text-center">
      <p className="font-medium text-base">This page wants the scope {scope}.</p>
      <p className="mx-auto mt-1 max-w-prose text-soft">
        Your token allows less. Whoever runs this server makes one with{' '}
        <code className="font-mono text-xs">kitaru tokens create NAME --scope {scope}</code>.
      </p>
      <Button
        className="mt-4"
        icon="key"
        onClick={() => {
          token.clear()
          follow()
          void client.resetQueries()
        }}
      >
        Show another token
      </Button>
    </div>
  )
}
