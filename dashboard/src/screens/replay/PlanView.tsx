// What a replay would do: in sum, what is set, and call by call. What runs stands first in the list.
import { useState } from 'react'
import type { Plan, PlannedCall } from '../../api/schema'
import { dollars } from '../../model/money'
import { span } from '../../model/time'
import { brief, type Json } from '../../model/value'
import { Section } from '../../ui/Section'
import { More } from '../../ui/Value'

const PAGE = 100

/** Fates with their words and colours; what is asked again keeps a person busy, and no money. */
const FATES: Record<string, { word: string; look: string }> = {
  runs: { word: 'runs', look: 'text-running bg-running-fill' },
  may_run: { word: 'may run', look: 'text-waiting bg-waiting-fill' },
  asked_again: { word: 'asked again', look: 'text-paused bg-paused-fill' },
  supplied: { word: 'set by hand', look: 'text-sleeping bg-sleeping-fill' },
  reused: { word: 'reused', look: 'text-completed bg-completed-fill' },
}

const ORDER = Object.keys(FATES)

export function PlanView({ plan }: { plan: Plan }) {
  const [upto, setUpto] = useState(PAGE)
  const rank = (call: PlannedCall) => {
    const at = ORDER.indexOf(call.fate)
    return at < 0 ? ORDER.length : at
  }
  const calls = plan.calls.toSorted((one, other) => rank(one) - rank(other) || one.step - other.step)
  return (
    <>
      <div className="grid grid-cols-3 gap-px overflow-hidden rounded-t-lg bg-line">
        <Sum title="Reused, not paid for again" of={plan.reused} />
        <Sum title="Runs" of={plan.runs} />
        <Sum title="May run" of={plan.may_run} />
      </div>
      {plan.effects_again > 0 && (
        <p className="m-4 rounded-md bg-failed-fill px-3 py-2 text-failed text-sm" role="alert">
          {plan.effects_again === 1
            ? 'One effect that is to happen once would happen again.'
            : `${plan.effects_again} effects that are to happen once would happen again.`}
        </p>
      )}
      {plan.overrides.length > 0 && (
        <Section title="Set">
          <ul className="flex flex-col gap-1 font-mono text-xs">
            {plan.overrides.map(one => (
              <li key={one.path} className="wrap-anywhere">
                <span className="text-soft">{one.path}: </span>
                <del className="bg-failed-fill text-failed no-underline">{brief(one.was as Json).slice(0, 300)}</del>
                {' → '}
                <ins className="bg-completed-fill text-completed no-underline">
                  {brief(one.value as Json).slice(0, 300)}
                </ins>
              </li>
            ))}
          </ul>
        </Section>
      )}
      {plan.notes.length > 0 && (
        <Section title="To know">
          <ul className="list-disc pl-4 text-sm">
            {plan.notes.map(note => (
              <li key={note} className="wrap-anywhere">
                {note}
              </li>
            ))}
          </ul>
        </Section>
      )}
      <Section title="Call by call">
        <ol>
          {calls.slice(0, upto).map(call => (
            <li key={call.key} className="flex flex-wrap items-baseline gap-x-2 py-0.5">
              <span
                className={`rounded-full px-2 font-medium text-xs ${FATES[call.fate]?.look ?? 'text-soft bg-sunk'}`}
              >
                {FATES[call.fate]?.word ?? call.fate.replaceAll('_', ' ')}
              </span>
              <code className="wrap-anywhere font-mono text-xs">{call.key}</code>
              <span className="text-soft text-xs">{call.why}</span>
              <span className="num ml-auto text-soft text-xs">{call.took_ms === null ? '' : span(call.took_ms)}</span>
            </li>
          ))}
        </ol>
        {calls.length > upto && <More left={calls.length - upto} what="calls" show={() => setUpto(upto + 10 * PAGE)} />}
      </Section>
    </>
  )
}

function Sum({ title, of }: { title: string; of: Plan['reused'] }) {
  return (
    <div className="bg-card px-4 py-3">
      <p className="text-soft text-xs">{title}</p>
      <p className="num font-semibold text-lg">
        {of.calls} {of.calls === 1 ? 'call' : 'calls'}
      </p>
      <p className="num text-soft text-xs">
        {span(of.ms)}
        {of.usage.cost_usd > 0 && `, ${dollars(of.usage.cost_usd)}`}
      </p>
    </div>
  )
}
