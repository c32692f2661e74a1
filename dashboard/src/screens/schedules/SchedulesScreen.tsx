// Schedules: which flows start by the clock, when they tick next, and what became of the last ticks. Added, paused,
// resumed and removed here.
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { schedules } from '../../api/queries'
import type { Schedule } from '../../api/schema'
import { Button } from '../../ui/Button'
import { Command } from '../../ui/Copy'
import { Empty, Loading, Trouble } from '../../ui/Notice'
import { Page } from '../../ui/Page'
import { AddSchedule } from './AddSchedule'
import { RemoveSchedule } from './RemoveSchedule'
import { ScheduleRow } from './ScheduleRow'

export function SchedulesScreen() {
  const query = useQuery(schedules())
  const [asked, ask] = useState<'add' | Schedule | null>(null)
  return (
    <Page
      title="Schedules"
      actions={
        <Button kind="strong" icon="calendar" onClick={() => ask('add')}>
          Add a schedule
        </Button>
      }
    >
      {query.isPending && <Loading what="schedules" />}
      {query.isError && <Trouble error={query.error} again={() => void query.refetch()} />}
      {query.data && (
        <div className="sheet">
          {query.data.items.length === 0 ? (
            <Empty title="Nothing starts by the clock.">
              <p className="mx-auto mt-1 mb-4 max-w-prose">
                A schedule starts a flow at the times of a cron expression, as long as a worker works.
              </p>
              <div className="mx-auto w-fit max-w-full text-left">
                <Command text="kitaru schedules add FILE.py:FLOW --cron '30 6 * * mon-fri' --timezone Europe/Berlin" />
              </div>
            </Empty>
          ) : (
            <ul>
              {query.data.items.map(one => (
                <ScheduleRow key={one.name} of={one} remove={() => ask(one)} />
              ))}
            </ul>
          )}
        </div>
      )}
      {asked === 'add' && <AddSchedule close={() => ask(null)} />}
      {asked !== null && asked !== 'add' && <RemoveSchedule of={asked} close={() => ask(null)} />}
    </Page>
  )
}
