// What two executions came to, and the difference. On a wide screen a column each, on a narrow one a row each.
import { Link } from '@tanstack/react-router'
import type { Diff, DiffExecution } from '../../api/schema'
import { totals } from '../../model/compare'
import { short } from '../../model/ids'
import { lookOf } from '../../model/status'
import { Ago } from '../../ui/Ago'
import { Icon } from '../../ui/Icon'
import { Status } from '../../ui/Status'

const ROW =
  'grid grid-cols-[minmax(5rem,1fr)_repeat(3,minmax(0,1fr))] items-center gap-x-2 px-3 md:grid-cols-1 md:grid-rows-[2rem_2.250rem_2.250rem_2.250rem] md:gap-0'

export function Totals({ diff }: { diff: Diff }) {
  const [first, second] = diff.executions
  if (first === undefined || second === undefined) return null
  return (
    <div role="table" aria-label="What the two executions came to" className="sheet py-1.5 md:flex">
      <div role="row" className={`${ROW} py-1 md:flex-[3] md:py-0`}>
        <span role="columnheader" className="sr-only">
          What
        </span>
        <span aria-hidden="true" />
        {[first, second].map(one => (
          <span key={one.id} role="columnheader" className="min-w-0 overflow-hidden">
            <Which of={one} />
          </span>
        ))}
        <span role="columnheader" className="text-soft text-xs max-md:text-right">
          Difference
        </span>
      </div>
      {totals(first, second).map((total, at) => (
        <div
          // biome-ignore lint/suspicious/noArrayIndexKey: the same rows, always
          key={at}
          role="row"
          className={`num ${ROW} py-1 md:flex-1 md:py-0 md:text-right`}
        >
          <span role="rowheader" className="whitespace-nowrap text-soft text-xs">
            {total.name}
          </span>
          {total.values.map((value, side) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: the first and the second, always
            <span key={side} role="cell" className="whitespace-nowrap">
              {value}
            </span>
          ))}
          <span
            role="cell"
            className={`whitespace-nowrap max-md:text-right ${total.less ? 'text-completed' : 'text-ink'} font-medium`}
          >
            {total.difference}
          </span>
        </div>
      ))}
    </div>
  )
}

function Which({ of }: { of: DiffExecution }) {
  const look = lookOf(of.status)
  return (
    <span className="flex min-w-0 items-center gap-2 max-md:flex-col max-md:items-start max-md:gap-0.5">
      <Link
        to="/executions/$id"
        params={{ id: of.id }}
        className="shrink-0 font-medium text-link hover:underline max-md:max-w-full max-md:truncate"
      >
        <span className="max-xl:hidden">{of.flow} </span>
        <code className="font-mono text-xs">{short(of.id)}</code>
      </Link>
      <span className="max-md:hidden">
        <Status of={of.status} />
      </span>
      <span className={`flex max-w-full items-center gap-1 truncate text-xs md:hidden ${look.text}`}>
        <Icon name={look.icon} className="size-3" />
        <span className="truncate">{look.word}</span>
      </span>
      <span className="truncate text-soft text-xs max-2xl:hidden">
        <Ago at={of.created_at} />
      </span>
    </span>
  )
}
