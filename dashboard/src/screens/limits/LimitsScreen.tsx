// Limits by name: what each holds back, who has a turn and who waits, and whether it is closed. Set, closed, opened and
// removed here. Not here: which calls wait (an execution's own page says what it waits for).
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { limits } from '../../api/queries'
import type { Limit } from '../../api/schema'
import { Button } from '../../ui/Button'
import { Command } from '../../ui/Copy'
import { Empty, Loading, Trouble } from '../../ui/Notice'
import { Page } from '../../ui/Page'
import { CloseLimit } from './CloseLimit'
import { LimitRow } from './LimitRow'
import { RemoveLimit } from './RemoveLimit'
import { SetLimit } from './SetLimit'

export type Asked = 'set' | 'close' | 'remove'

export function LimitsScreen() {
  const query = useQuery(limits())
  const [asked, ask] = useState<{ what: Asked; limit: Limit | null } | null>(null)
  const close = () => ask(null)
  return (
    <Page
      title="Limits"
      actions={
        <Button kind="strong" icon="gauge" onClick={() => ask({ what: 'set', limit: null })}>
          Set a limit
        </Button>
      }
    >
      {query.isPending && <Loading what="limits" />}
      {query.isError && <Trouble error={query.error} again={() => void query.refetch()} />}
      {query.data && (
        <div className="sheet">
          {query.data.items.length === 0 ? (
            <Empty title="No limit is set, and no call has named one.">
              <p className="mx-auto mt-1 mb-4 max-w-prose">
                Calls of <code className="font-mono text-xs">@checkpoint(limit="openai:gpt")</code> share the limit of
                that name, in all flows and processes of this store.
              </p>
              <div className="mx-auto w-fit max-w-full text-left">
                <Command text="kitaru limits set openai:gpt --at-once 10 --rate 50/s" />
              </div>
            </Empty>
          ) : (
            <ul>
              {query.data.items.map(limit => (
                <LimitRow key={limit.name} limit={limit} ask={what => ask({ what, limit })} />
              ))}
            </ul>
          )}
        </div>
      )}
      {asked?.what === 'set' && <SetLimit limit={asked.limit} close={close} />}
      {asked?.what === 'close' && asked.limit && <CloseLimit limit={asked.limit} close={close} />}
      {asked?.what === 'remove' && asked.limit && <RemoveLimit limit={asked.limit} close={close} />}
    </Page>
  )
}
