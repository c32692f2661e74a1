// Asks for how long nobody is to begin at a limit, and why.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { api, body } from '../../api/client'
import type { Limit } from '../../api/schema'
import { Button } from '../../ui/Button'
import { Dialog } from '../../ui/Dialog'
import { Trouble } from '../../ui/Notice'

const SPANS = [
  { span: '1m', word: 'a minute' },
  { span: '15m', word: '15 minutes' },
  { span: '1h', word: 'an hour' },
  { span: '24h', word: 'a day' },
]

export function CloseLimit({ limit, close }: { limit: Limit; close: () => void }) {
  const client = useQueryClient()
  const [span, setSpan] = useState('15m')
  const [why, setWhy] = useState('')
  const shut = useMutation({
    mutationFn: () =>
      body(
        api.POST('/api/v1/limits/{name}/close', {
          params: { path: { name: limit.name } },
          body: { for: span, why: why.trim() === '' ? null : why },
        }),
      ),
    onSuccess: close,
    onSettled: () => client.invalidateQueries({ queryKey: ['limits'] }),
  })
  return (
    <Dialog title={`Close ${limit.name}?`} onClose={close}>
      <form
        className="flex flex-col gap-3"
        onSubmit={event => {
          event.preventDefault()
          shut.mutate()
        }}
      >
        <p>No call begins there meanwhile. What runs goes on, and those that wait keep their places.</p>
        <label className="flex flex-col gap-1">
          For
          <select className="field" value={span} onChange={event => setSpan(event.target.value)}>
            {SPANS.map(one => (
              <option key={one.span} value={one.span}>
                {one.word}
              </option>
            ))}
          </select>
        </label>
        <label className="flex flex-col gap-1">
          Why (optional)
          <input className="field" value={why} autoComplete="off" onChange={event => setWhy(event.target.value)} />
        </label>
        {shut.isError && <Trouble error={shut.error} />}
        <div className="flex justify-end gap-2">
          <Button onClick={close}>Back</Button>
          <Button kind="danger" type="submit" busy={shut.isPending}>
            Close it
          </Button>
        </div>
      </form>
    </Dialog>
  )
}
