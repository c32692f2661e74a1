// Breakpoints: where the next executions of a flow pause. Listed, set and removed.
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { breakpoints } from '../../api/queries'
import { Button } from '../../ui/Button'
import { Empty, Loading, Trouble } from '../../ui/Notice'
import { Page } from '../../ui/Page'
import { BreakpointList } from './BreakpointList'
import { SetBreakpoint } from './SetBreakpoint'

export function BreakpointsScreen() {
  const query = useQuery(breakpoints())
  const [asked, ask] = useState(false)
  return (
    <Page
      title="Breakpoints"
      actions={
        <Button kind="strong" icon="pausePoint" onClick={() => ask(true)}>
          Set a breakpoint
        </Button>
      }
    >
      {query.isPending && <Loading what="breakpoints" />}
      {query.isError && <Trouble error={query.error} again={() => void query.refetch()} />}
      {query.data && (
        <div className="sheet">
          {query.data.items.length === 0 ? (
            <Empty title="No breakpoint is set.">
              <p className="mt-1">
                A flow pauses before a call without a change to its code: look, change an input or supply the result,
                and go on.
              </p>
            </Empty>
          ) : (
            <BreakpointList items={query.data.items} named />
          )}
        </div>
      )}
      {asked && <SetBreakpoint close={() => ask(false)} />}
    </Page>
  )
}
