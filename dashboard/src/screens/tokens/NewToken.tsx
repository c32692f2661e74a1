// A form that makes a token. Its secret is shown this once, and kept nowhere here.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { api, body } from '../../api/client'
import type { Token } from '../../api/schema'
import { Button } from '../../ui/Button'
import { Command } from '../../ui/Copy'
import { Dialog } from '../../ui/Dialog'
import { Trouble } from '../../ui/Notice'

const SCOPES: { scope: Token['scope']; says: string }[] = [
  { scope: 'read', says: 'look at everything' },
  { scope: 'answer', says: 'and answer what is asked' },
  { scope: 'operate', says: 'and start, resume, replay, pause, cancel' },
  { scope: 'admin', says: 'and delete, and say who may do what' },
]
const LASTS = [
  { span: '24h', word: 'a day' },
  { span: '30d', word: '30 days' },
  { span: '365d', word: 'a year' },
  { span: '', word: 'until it is revoked' },
]

export function NewToken({ close }: { close: () => void }) {
  const client = useQueryClient()
  const [name, setName] = useState('')
  const [scope, setScope] = useState<Token['scope']>('read')
  const [expires, setExpires] = useState('30d')
  const make = useMutation({
    mutationFn: () => body(api.POST('/api/v1/tokens', { body: { name, scope, expires: expires || null } })),
    onSettled: () => client.invalidateQueries({ queryKey: ['tokens'] }),
    // The secret goes with the dialog.
    gcTime: 0,
  })
  if (make.data) {
    return (
      <Dialog title={`The token ${make.data.name}`} onClose={close}>
        <p className="mb-2">Copy it now: it is shown this once.</p>
        <Command text={make.data.token} />
        <div className="mt-4 flex justify-end">
          <Button kind="strong" onClick={close}>
            I have it
          </Button>
        </div>
      </Dialog>
    )
  }
  return (
    <Dialog title="Make a token" onClose={close}>
      <form
        className="flex flex-col gap-4"
        onSubmit={event => {
          event.preventDefault()
          make.mutate()
        }}
      >
        <label className="flex flex-col gap-1">
          Name
          <input
            className="field"
            value={name}
            required
            pattern="[A-Za-z0-9._@\-]{1,64}"
            title="1 to 64 letters, digits and . _ @ -"
            autoComplete="off"
            onChange={event => setName(event.target.value)}
          />
          <span className="text-soft text-xs">What is done with it stands under that name.</span>
        </label>
        <fieldset className="flex flex-col gap-1.5">
          <legend className="mb-1">It may</legend>
          {SCOPES.map(one => (
            <label key={one.scope} className="flex items-center gap-2">
              <input type="radio" name="scope" checked={scope === one.scope} onChange={() => setScope(one.scope)} />
              <span>
                <span className="font-medium">{one.scope}</span>: <span className="text-soft">{one.says}</span>
              </span>
            </label>
          ))}
        </fieldset>
        <label className="flex flex-col gap-1">
          It lasts
          <select className="field" value={expires} onChange={event => setExpires(event.target.value)}>
            {LASTS.map(one => (
              <option key={one.span} value={one.span}>
                {one.word}
              </option>
            ))}
          </select>
        </label>
        {make.isError && <Trouble error={make.error} />}
        <div className="flex justify-end gap-2">
          <Button onClick={close}>Back</Button>
          <Button kind="strong" type="submit" busy={make.isPending}>
            Make it
          </Button>
        </div>
      </form>
    </Dialog>
  )
}
