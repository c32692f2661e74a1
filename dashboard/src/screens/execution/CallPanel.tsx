// The call that is looked at: what it was given, what came of it, its tries, what it printed and cost.
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { call as callQuery } from '../../api/queries'
import type { CallWithValues, Execution } from '../../api/schema'
import { count, dollars, tokens } from '../../model/money'
import { clock, millis } from '../../model/time'
import { Took } from '../../ui/Ago'
import { buttonLook } from '../../ui/Button'
import { Icon } from '../../ui/Icon'
import { Loading, Trouble } from '../../ui/Notice'
import { Section, Traceback } from '../../ui/Section'
import { Status } from '../../ui/Status'
import { Value } from '../../ui/Value'
import { BreakHere } from './BreakHere'
import { Logs } from './Logs'

export function CallPanel({ execution, name }: { execution: Execution; name: string }) {
  const { data, error } = useQuery(callQuery(execution.id, name))
  return (
    <div className="sheet">
      <header className="flex items-center gap-2 px-4 pt-3 pb-2">
        <h2 className="wrap-anywhere min-w-0 flex-1 font-medium font-mono text-sm">{name}</h2>
        {data && <Status of={data.status} />}
        <Link
          to="/executions/$id"
          params={{ id: execution.id }}
          search={{}}
          replace
          resetScroll={false}
          className={`${buttonLook('bare')} !p-1.5`}
          aria-label="Look at the flow instead"
        >
          <Icon name="cross" />
        </Link>
      </header>
      {error !== null && <Trouble error={error} />}
      {data === undefined && error === null && <Loading what="the call" />}
      {data && <Call execution={execution} call={data} />}
    </div>
  )
}

function Call({ execution, call }: { execution: Execution; call: CallWithValues }) {
  const used = tokens(call.usage)
  const facts = [
    call.reused ? 'reused' : null,
    used > 0 ? `${count(used)} tokens` : null,
    call.usage.cost_usd > 0 ? dollars(call.usage.cost_usd) : null,
    call.attempts > 1 ? `${call.attempts} tries` : null,
  ].filter(Boolean)
  return (
    <>
      <div className="flex flex-wrap items-center gap-2 px-4 pb-3">
        <p className="num grow basis-40 text-soft text-sm">
          step {call.step} · <Took from={call.started_at} to={call.ended_at} />
          {facts.length > 0 && ` · ${facts.join(' · ')}`}
        </p>
        {call.kind !== 'wait' && <BreakHere flow={execution.flow} call={call} />}
        <Link
          to="/executions/$id/replay"
          params={{ id: execution.id }}
          search={{ from: call.key }}
          className={buttonLook('strong')}
        >
          <Icon name="fork" className="size-3.5" />
          Replay from here
        </Link>
      </div>
      <Section title={call.kind === 'wait' ? 'Shown with the question' : 'Inputs'}>
        <Value name="inputs" value={call.inputs} />
      </Section>
      {call.given !== null && (
        <Section title="Given instead, by hand">
          <Value name="given" value={call.given} />
        </Section>
      )}
      {call.tries.map((one, at) => (
        <Section
          key={one.attempt}
          title={`Try ${one.attempt}`}
          aside={<span className="num text-soft text-xs">{clock(millis(one.ended_at))}</span>}
        >
          {isSame(call.tries[at - 1], one) ? (
            <p className="text-soft">Failed as the try before it: {one.message}</p>
          ) : (
            <Traceback error={one} />
          )}
        </Section>
      ))}
      {call.error !== null ? (
        <Section title={call.attempts > 1 ? `Try ${call.attempts}, the last` : 'Error'}>
          <Traceback error={call.error} />
        </Section>
      ) : (
        call.ended_at !== null && (
          <Section
            title={
              call.kind === 'wait'
                ? `Answer${call.by ? ` by ${call.by}` : ''}`
                : `Output${call.by ? `, set by ${call.by}` : ''}`
            }
          >
            <Value name="output" value={call.output} />
          </Section>
        )
      )}
      <Section title="Logs">
        <Logs id={execution.id} call={call.key} />
      </Section>
      {call.code && (
        <Section title="Code digest">
          <code className="wrap-anywhere font-mono text-xs">{call.code}</code>
        </Section>
      )}
    </>
  )
}

const isSame = (one: CallWithValues['tries'][number] | undefined, other: CallWithValues['tries'][number]) =>
  one !== undefined && one.type === other.type && one.message === other.message && one.traceback === other.traceback
