// Which calls a flow makes, as its latest executions show it: how often, how long, how often failing, at what cost.
import type { FlowShape } from '../../api/schema'
import { count, dollars, tokens } from '../../model/money'
import { span } from '../../model/time'
import { share } from '../../model/trends'
import { Ago } from '../../ui/Ago'
import { Icon, type IconName } from '../../ui/Icon'
import { Empty } from '../../ui/Notice'

type Step = FlowShape['shape'][number]

const KINDS: Record<string, { icon: IconName; word: string }> = {
  checkpoint: { icon: 'bolt', word: 'checkpoint' },
  child: { icon: 'tree', word: 'child flow' },
  wait: { icon: 'hand', word: 'wait' },
  sleep: { icon: 'clock', word: 'sleep' },
  client: { icon: 'link', word: 'look at others' },
}

export function Shape({ of }: { of: FlowShape }) {
  const longest = Math.max(1, ...of.shape.map(step => step.p95_ms ?? 0))
  return (
    <section aria-label="Shape" className="sheet overflow-hidden">
      <header className="flex flex-wrap items-baseline gap-x-3 px-4 pt-3 pb-2">
        <h2 className="font-medium text-sm">Shape</h2>
        <p className="num text-soft text-xs">
          {of.looked_at === 1 ? 'from its one execution' : `from its latest ${of.looked_at} executions`}, the oldest{' '}
          <Ago at={of.since} />
        </p>
      </header>
      {of.shape.length === 0 ? (
        <Empty title="It has made no call." />
      ) : (
        <section aria-label="Calls by name" tabIndex={0} className="overflow-x-auto focus-visible:-outline-offset-2">
          <table className="w-full text-sm">
            <thead>
              <tr className="border-line border-y text-left text-soft text-xs">
                <th scope="col" className="px-4 py-2 font-normal">
                  Call
                </th>
                <th scope="col" className="px-2 py-2 sm:px-3 text-right font-normal">
                  Made
                </th>
                <th scope="col" className="hidden px-2 py-2 sm:px-3 text-right font-normal sm:table-cell">
                  In executions
                </th>
                <th scope="col" className="hidden w-1/4 px-2 py-2 sm:px-3 font-normal md:table-cell">
                  <span className="sr-only">Time, drawn</span>
                </th>
                <th scope="col" className="px-2 py-2 sm:px-3 text-right font-normal">
                  Median
                </th>
                <th scope="col" className="hidden px-2 py-2 sm:px-3 text-right font-normal sm:table-cell">
                  95 %
                </th>
                <th scope="col" className="px-2 py-2 sm:px-3 text-right font-normal">
                  Failed
                </th>
                <th scope="col" className="hidden px-4 py-2 text-right font-normal sm:table-cell">
                  Cost
                </th>
              </tr>
            </thead>
            <tbody>
              {of.shape.map(step => (
                <Row key={`${step.kind} ${step.name}`} step={step} all={of.looked_at} longest={longest} />
              ))}
            </tbody>
          </table>
        </section>
      )}
    </section>
  )
}

function Row({ step, all, longest }: { step: Step; all: number; longest: number }) {
  const kind = KINDS[step.kind] ?? { icon: 'more' as const, word: step.kind }
  // What a person takes to answer says nothing of how long the others take.
  const drawn = step.kind !== 'wait' && step.kind !== 'sleep'
  return (
    <tr className="border-line border-b last:border-b-0">
      <th scope="row" className="px-4 py-2 text-left font-normal">
        <span className="flex items-center gap-2">
          <span className="text-soft" title={kind.word}>
            <Icon name={kind.icon} className="size-3.5" />
            <span className="sr-only">{kind.word}</span>
          </span>
          <span className="wrap-anywhere min-w-20 font-mono text-xs">{step.name}</span>
        </span>
      </th>
      <td className="num px-2 py-2 sm:px-3 text-right">{step.calls}</td>
      <td className="num hidden px-2 py-2 sm:px-3 text-right text-soft sm:table-cell">{share(step.executions, all)}</td>
      <td className="hidden px-2 py-2 sm:px-3 md:table-cell">{drawn && <Range step={step} longest={longest} />}</td>
      <td className="num whitespace-nowrap px-2 py-2 sm:px-3 text-right">
        {step.median_ms === null ? '' : span(step.median_ms)}
      </td>
      <td className="num hidden whitespace-nowrap px-2 py-2 sm:px-3 text-right text-soft sm:table-cell">
        {step.p95_ms === null ? '' : span(step.p95_ms)}
      </td>
      <td className={`num px-2 py-2 sm:px-3 text-right ${step.failed > 0 ? 'text-failed' : 'text-soft'}`}>
        {share(step.failed, step.calls)}
        {step.retried > 0 && (
          <span className="block text-soft text-xs sm:whitespace-nowrap">
            {share(step.retried, step.calls)} tried again
          </span>
        )}
      </td>
      <td className="num hidden whitespace-nowrap px-4 py-2 text-right sm:table-cell">
        {step.usage.cost_usd > 0 && dollars(step.usage.cost_usd)}
        {tokens(step.usage) > 0 && <span className="block text-soft text-xs">{count(tokens(step.usage))} tokens</span>}
      </td>
    </tr>
  )
}

/** Half of them took no longer than the full bar, 95 in a hundred no longer than the light one. */
function Range({ step, longest }: { step: Step; longest: number }) {
  const part = (ms: number | null) => `${Math.max(0.5, ((ms ?? 0) / longest) * 100)}%`
  return (
    <span aria-hidden="true" className="relative block h-2 rounded-full bg-sunk">
      <span className="absolute inset-y-0 left-0 rounded-full bg-sleeping/35" style={{ width: part(step.p95_ms) }} />
      <span className="absolute inset-y-0 left-0 rounded-full bg-sleeping" style={{ width: part(step.median_ms) }} />
    </span>
  )
}
