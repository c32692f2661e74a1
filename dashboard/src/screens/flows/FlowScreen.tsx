// One flow as its executions show it: its calls, how it went day by day, its latest executions, its breakpoints; and a
// form that starts it. Not here: one execution.
import { useQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { useState } from 'react'
import { breakpoints, flow as flowQuery } from '../../api/queries'
import { Button } from '../../ui/Button'
import { Loading, Trouble } from '../../ui/Notice'
import { Page } from '../../ui/Page'
import { BreakpointList } from '../breakpoints/BreakpointList'
import { SetBreakpoint } from '../breakpoints/SetBreakpoint'
import { Counts } from './FlowsScreen'
import { Latest } from './Latest'
import { Shape } from './Shape'
import { Start } from './Start'
import { Trends } from './Trends'

const route = getRouteApi('/flows/$flow')

export function FlowScreen() {
  const { flow } = route.useParams()
  const query = useQuery(flowQuery(flow))
  const set = useQuery(breakpoints(flow))
  const [asked, ask] = useState<'start' | 'break' | null>(null)
  const { data } = query
  return (
    <Page
      title={flow}
      actions={
        data && (
          <>
            <Button icon="pausePoint" onClick={() => ask('break')}>
              Set a breakpoint
            </Button>
            <Button kind="strong" icon="play" onClick={() => ask('start')}>
              Start
            </Button>
          </>
        )
      }
    >
      {query.isPending && <Loading what="the flow" />}
      {query.isError && <Trouble error={query.error} again={() => void query.refetch()} />}
      {data && (
        <>
          <Counts of={{ flow, executions: data.executions ?? {} }} />
          <Shape of={data} />
          <Trends flow={flow} />
          <div className="grid grid-cols-[minmax(0,1fr)] items-start gap-4 lg:grid-cols-[minmax(0,1fr)_minmax(0,1fr)]">
            <Latest flow={flow} />
            <section aria-label="Breakpoints" className="sheet">
              <h2 className="px-4 pt-3 pb-2 font-medium text-sm">Breakpoints</h2>
              {set.isError && <Trouble error={set.error} />}
              {set.data?.items.length === 0 && (
                <p className="px-4 pb-4 text-soft">None is set: every execution runs on.</p>
              )}
              {set.data && set.data.items.length > 0 && <BreakpointList items={set.data.items} />}
            </section>
          </div>
          {asked === 'start' && <Start flow={flow} close={() => ask(null)} />}
          {asked === 'break' && <SetBreakpoint flow={flow} close={() => ask(null)} />}
        </>
      )}
    </Page>
  )
}
