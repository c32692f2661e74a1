// Asks for a token where the server wants one. It is kept for this tab alone.
import { useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { token } from '../api/client'
import { follow } from '../api/live'
import { Button } from './Button'

export function TokenAsked() {
  const client = useQueryClient()
  const [text, setText] = useState('')
  const wrong = token.get() !== null
  const submit = (event: FormEvent) => {
    event.preventDefault()
    token.set(text.trim())
    follow()
    void client.resetQueries()
  }
  return (
    <main className="mx-auto flex min-h-dvh max-w-md flex-col justify-center p-4">
      <form onSubmit={submit} className="sheet flex flex-col gap-4 p-6">
        <h1 className="font-semibold text-xl">Kitaru</h1>
        <label className="flex flex-col gap-1">
          Token
          <input
            type="password"
            autoComplete="current-password"
            className="field font-mono"
            value={text}
            required
            aria-invalid={wrong}
            aria-describedby="token-help"
            onChange={event => setText(event.target.value)}
          />
        </label>
        <p id="token-help" className="text-soft text-sm">
          {wrong && <span className="text-failed">This server does not know that token. </span>}
          Whoever runs this server makes one with <code className="font-mono text-xs">kitaru tokens create</code>.
        </p>
        <Button kind="strong" type="submit">
          Go on
        </Button>
      </form>
    </main>
  )
}
