// Which rows of a comparison are shown: all, or those that differ.
import { getRouteApi, Link } from '@tanstack/react-router'

const route = getRouteApi('/compare')

export function Filter({ all, differing }: { all: number; differing: number }) {
  const search = route.useSearch()
  const look =
    'rounded-sm px-2 py-0.5 text-soft text-xs hover:bg-sunk aria-[current=page]:bg-sunk aria-[current=page]:text-ink'
  return (
    <span className="num ml-auto flex gap-1">
      <Link
        to="/compare"
        search={{ ...search, only: undefined }}
        replace
        resetScroll={false}
        activeOptions={{ exact: true }}
        className={look}
      >
        all {all.toLocaleString('en')}
      </Link>
      <Link
        to="/compare"
        search={{ ...search, only: 'differs' }}
        replace
        resetScroll={false}
        activeOptions={{ exact: true }}
        className={look}
      >
        differing {differing.toLocaleString('en')}
      </Link>
    </span>
  )
}
