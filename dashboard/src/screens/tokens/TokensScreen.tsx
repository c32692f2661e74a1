// Tokens: who may ask this server, and for what. Made here, shown once, and revoked.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { api, body } from '../../api/client'
import { tokens } from '../../api/queries'
import type { Token } from '../../api/schema'
import { Ago } from '../../ui/Ago'
import { Button } from '../../ui/Button'
import { Dialog } from '../../ui/Dialog'
import { Empty, Loading, Trouble } from '../../ui/Notice'
import { Page } from '../../ui/Page'
import { Barred } from '../../ui/Scoped'
import { NewToken } from './NewToken'

export function TokensScreen() {
  const query = useQuery(tokens())
  const [asked, ask] = useState<'new' | Token | null>(null)
  return (
    <Page
      title="Tokens"
      actions={
        query.data && (
          <Button kind="strong" icon="key" onClick={() => ask('new')}>
            Make a token
          </Button>
        )
      }
    >
      {query.isPending && <Loading what="tokens" />}
      {query.isError && <Barred error={query.error} again={() => void query.refetch()} />}
      {query.data && (
        <div className="sheet">
          {query.data.items.length === 0 ? (
            <Empty title="There is no token yet.">
              <p className="mt-1">
                Who asks from this machine needs none. A token lets others in, with no more than its scope allows.
              </p>
            </Empty>
          ) : (
            <ul>
              {query.data.items.map(token => (
                <One key={token.id} token={token} revoke={() => ask(token)} />
              ))}
            </ul>
          )}
        </div>
      )}
      {asked === 'new' && <NewToken close={() => ask(null)} />}
      {asked !== null && asked !== 'new' && <Revoke token={asked} close={() => ask(null)} />}
    </Page>
  )
}

const STATES = {
  live: 'bg-completed-fill text-completed',
  expired: 'bg-cancelled-fill text-cancelled',
  revoked: 'bg-failed-fill text-failed',
}

function One({ token, revoke }: { token: Token; revoke: () => void }) {
  return (
    <li className="flex flex-wrap items-center gap-x-3 gap-y-1 border-line border-t px-4 py-3 first:border-t-0">
      <div className="min-w-0 flex-1 basis-48">
        <p className="flex flex-wrap items-center gap-2">
          <span className={`wrap-anywhere font-medium ${token.state === 'live' ? '' : 'text-soft'}`}>{token.name}</span>
          <span className="rounded-full bg-sunk px-2 py-0.5 text-xs">{token.scope}</span>
          <span className={`rounded-full px-2 py-0.5 text-xs ${STATES[token.state]}`}>{token.state}</span>
        </p>
        <p className="num text-soft text-xs">
          <code className="font-mono">{token.id}</code> · made by {token.by} <Ago at={token.created_at} /> ·{' '}
          {token.used_at === null ? (
            'never used'
          ) : (
            <>
              used <Ago at={token.used_at} />
            </>
          )}
          {token.state === 'live' && token.expires_at !== null && (
            <>
              {' '}
              · expires <Ago at={token.expires_at} />
            </>
          )}
          {token.revoked_at !== null && (
            <>
              {' '}
              · revoked <Ago at={token.revoked_at} />
            </>
          )}
        </p>
      </div>
      {token.state === 'live' && (
        <Button kind="danger" aria-label={`Revoke ${token.name}`} onClick={revoke}>
          Revoke
        </Button>
      )}
    </li>
  )
}

function Revoke({ token, close }: { token: Token; close: () => void }) {
  const client = useQueryClient()
  const revoke = useMutation({
    mutationFn: () => body(api.DELETE('/api/v1/tokens/{id}', { params: { path: { id: token.id } } })),
    onSuccess: close,
    onSettled: () => client.invalidateQueries({ queryKey: ['tokens'] }),
  })
  return (
    <Dialog title={`Revoke ${token.name}?`} onClose={close}>
      <p>Whoever has it is refused from now on, and what it has begun to read ends. This cannot be undone.</p>
      {revoke.isError && <Trouble error={revoke.error} />}
      <div className="mt-4 flex justify-end gap-2">
        <Button onClick={close}>Back</Button>
        <Button kind="danger" busy={revoke.isPending} onClick={() => revoke.mutate()}>
          Revoke it
        </Button>
      </div>
    </Dialog>
  )
}
