// One call in both executions: what it was given, returned and raised there, and what of that differs.
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { lazy, Suspense } from 'react'
import { call as callQuery } from '../../api/queries'
import type { CallWithValues, Diff, DiffCall } from '../../api/schema'
import { signOf } from '../../model/compare'
import { count, dollars, tokens } from '../../model/money'
import type { Json } from '../../model/value'
import { Took } from '../../ui/Ago'
import { buttonLook } from '../../ui/Button'
import { Icon } from '../../ui/Icon'
import { Loading, Trouble } from '../../ui/Notice'
import { Section, Traceback } from '../../ui/Section'
import { Status } from '../../ui/Status'
import { Value } from '../../ui/Value'

const ValueDiff = lazy(() => import('../../ui/ValueDiff'))

export function PairPanel({ diff, call }: { diff: Diff; call: DiffCall }) {
  const [one, other] = diff.executions
  const [left, right] = call.sides
  const first = useQuery({ ...callQuery(one?.id ?? '', left?.key ?? ''), enabled: left != null })
  const second = useQuery({ ...callQuery(other?.id ?? '', right?.key ?? ''), enabled: right != null })
  const sign = signOf(call.verdict)
  const error = first.error ?? second.error
  const ready = (left == null || first.data !== undefined) && (right == null || second.data !== undefined)
  return (
    <section aria-label={`The call ${call.key}`} className="sheet min-w-0">
      <header className="flex items-center gap-2 px-4 pt-3 pb-2">
        <h2 className="wrap-anywhere min-w-0 flex-1 font-medium font-mono text-sm">{call.key}</h2>
        {sign && <span className={`rounded-full px-2 py-0.5 font-medium text-xs ${sign.look}`}>{sign.word}</span>}
        <Link
          to="/compare"
          search={before => ({ ...before, call: undefined })}
          replace
          resetScroll={false}
          className={`${buttonLook('bare')} !p-1.5`}
          aria-label="Look at the executions as a whole"
        >
          <Icon name="cross" />
        </Link>
      </header>
      {error && <Trouble error={error} />}
      {!ready && !error && <Loading what="the call" />}
      {ready && (
        <>
          <div className="grid grid-cols-2 gap-x-4 px-4 pb-3">
            <Side id={one?.id} call={first.data} by="First" />
            <Side id={other?.id} call={second.data} by="Second" />
          </div>
          {first.data && second.data ? (
            <Both first={first.data} second={second.data} />
          ) : (
            <Alone call={first.data ?? second.data} />
          )}
        </>
      )}
    </section>
  )
}

function Side({ id, call, by }: { id: string | undefined; call: CallWithValues | undefined; by: string }) {
  if (call === undefined || id === undefined) {
    return <p className="text-soft text-sm">{by}: it has no such call.</p>
  }
  const facts = [
    call.attempts > 1 ? `${call.attempts} tries` : '',
    tokens(call.usage) > 0 ? `${count(tokens(call.usage))} tokens` : '',
    call.usage.cost_usd > 0 ? dollars(call.usage.cost_usd) : '',
  ].filter(Boolean)
  return (
    <div className="flex min-w-0 flex-col items-start gap-1">
      <Link
        to="/executions/$id"
        params={{ id }}
        search={{ call: call.key }}
        className="max-w-full truncate text-link text-sm hover:underline"
      >
        {by}: step {call.step}
      </Link>
      <Status of={call.status} />
      <span className="num text-soft text-xs">
        <Took from={call.started_at} to={call.ended_at} />
        {facts.length > 0 && ` · ${facts.join(' · ')}`}
      </span>
    </div>
  )
}

function Both({ first, second }: { first: CallWithValues; second: CallWithValues }) {
  const errors = first.error !== null || second.error !== null
  return (
    <Suspense fallback={<Loading what="the difference" />}>
      <Section title="Inputs">
        <ValueDiff before={given(first)} after={given(second)} />
      </Section>
      {!errors && (
        <Section title={first.kind === 'wait' ? 'Answer' : 'Output'}>
          <ValueDiff before={first.output as Json} after={second.output as Json} />
        </Section>
      )}
      {errors &&
        [first, second].map((call, at) => (
          <Section key={at === 0 ? 'first' : 'second'} title={`${at === 0 ? 'First' : 'Second'} came to`}>
            {call.error === null ? <Value name="output" value={call.output} /> : <Traceback error={call.error} />}
          </Section>
        ))}
    </Suspense>
  )
}

/** What its body was given: also where somebody changed that. */
const given = (call: CallWithValues) => (call.given ?? call.inputs) as Json

function Alone({ call }: { call: CallWithValues | undefined }) {
  if (call === undefined) return null
  return (
    <>
      <Section title="Inputs">
        <Value name="inputs" value={given(call)} />
      </Section>
      <Section title="Output">
        {call.error === null ? <Value name="output" value={call.output} /> : <Traceback error={call.error} />}
      </Section>
    </>
  )
}
