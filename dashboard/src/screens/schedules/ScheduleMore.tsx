// All that is known of a schedule: its next ticks, what became of the last ones, and what its executions are given.
import { Link } from '@tanstack/react-router'
import type { Schedule } from '../../api/schema'
import { short } from '../../model/ids'
import { FATES, label, OVERLAPS, type Tick, wall } from '../../model/schedule'
import { span } from '../../model/time'
import { Ago } from '../../ui/Ago'
import { Value } from '../../ui/Value'

export function ScheduleMore({ of }: { of: Schedule }) {
  const overlap = OVERLAPS.find(one => one.overlap === of.overlap)
  return (
    <div className="grid gap-x-6 gap-y-4 pt-2 pb-1 md:grid-cols-3">
      <Part title="Next ticks">
        {of.next.length === 0 && (
          <p className="text-soft">{of.paused === null ? 'There is none.' : 'None while it is paused.'}</p>
        )}
        <ol className="num flex flex-col gap-0.5 text-sm">
          {of.next.map(one => (
            <li key={one.at} className="flex flex-wrap gap-x-3">
              <span className="whitespace-nowrap">{wall(one.local)}</span>
              <span className="text-soft">
                <Ago at={one.at} />
              </span>
            </li>
          ))}
        </ol>
        {of.waiting.length > 0 && (
          <p className="num mt-1 text-sm text-waiting">
            {of.waiting.length === 1 ? 'One tick waits' : `${of.waiting.length} ticks wait`} until the one before has
            ended.
          </p>
        )}
      </Part>
      <Part title="Last ticks">
        {of.ticks.length === 0 && <p className="text-soft">It has not ticked yet.</p>}
        <ol className="num flex flex-col gap-1 text-sm">
          {of.ticks.map(one => (
            <One key={`${one.tick} ${one.fate}`} tick={one} />
          ))}
        </ol>
      </Part>
      <Part title="What it starts">
        <Value name="inputs" value={of.inputs} />
        <ul className="mt-2 flex flex-col gap-0.5 text-soft text-xs">
          <li>
            Overlap <code className="font-mono">{of.overlap}</code>: {overlap?.says}.
          </li>
          <li>
            {of.backfill
              ? 'Missed ticks are made up for, one after the other.'
              : 'Of missed ticks the latest is made up for.'}
          </li>
          {of.deadline_s !== null && <li>Each works for {span(of.deadline_s * 1_000)} at the most.</li>}
          {of.pool !== 'default' && (
            <li className="wrap-anywhere">
              In the pool <code className="font-mono">{of.pool}</code>.
            </li>
          )}
          <li className="wrap-anywhere">
            Labels:{' '}
            {[label(of.name), ...of.tags].map((tag, at) => (
              <span key={tag}>
                {at > 0 && ', '}
                <Link to="/executions" search={{ tag }} className="text-link underline">
                  {tag}
                </Link>
              </span>
            ))}
          </li>
          <li className="wrap-anywhere">
            Added by <span>{of.by}</span> <Ago at={of.added_at} />.
          </li>
        </ul>
      </Part>
    </div>
  )
}

function Part({ title, children }: { title: string; children: React.ReactNode }) {
  return (
    <section className="min-w-0">
      <h2 className="mb-1 font-medium text-soft text-xs">{title}</h2>
      {children}
    </section>
  )
}

function One({ tick }: { tick: Tick }) {
  const fate = FATES[tick.fate]
  return (
    <li className="flex flex-wrap items-baseline gap-x-2">
      <span className={`rounded-full px-2 py-0.5 text-xs ${fate.look}`}>
        {tick.count > 1 && `${tick.count} `}
        {fate.word}
      </span>
      <span className="text-soft">
        <Ago at={tick.tick} />
      </span>
      {tick.execution !== null && (
        <Link
          to="/executions/$id"
          params={{ id: tick.execution }}
          className="font-mono text-link text-xs hover:underline"
        >
          {short(tick.execution)}
        </Link>
      )}
      {tick.why !== null && <span className="wrap-anywhere basis-full text-soft text-xs">{tick.why}</span>}
    </li>
  )
}
