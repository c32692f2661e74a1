// What stands around every screen: the way to all of them, whether the page is told what happens, the theme, the
// palette; and the question for a token where the server wants one.
import { useInfiniteQuery } from '@tanstack/react-query'
import { Link, Outlet, useRouterState } from '@tanstack/react-router'
import { useEffect, useState } from 'react'
import { Refused } from '../api/client'
import { useLink } from '../api/live'
import { waits } from '../api/queries'
import { Button } from './Button'
import { Icon, type IconName } from './Icon'
import { Palette } from './Palette'
import { Said } from './Said'
import { TokenAsked } from './TokenAsked'
import { setTheme, theme } from './theme'

const PLACES = [
  { to: '/inbox', word: 'Inbox', icon: 'inbox' },
  { to: '/executions', word: 'Executions', icon: 'list' },
  { to: '/flows', word: 'Flows', icon: 'flow' },
  { to: '/deployments', word: 'Deployments', icon: 'box' },
  { to: '/schedules', word: 'Schedules', icon: 'calendar' },
  { to: '/fleet', word: 'Fleet', icon: 'tree' },
  { to: '/breakpoints', word: 'Breakpoints', icon: 'pausePoint' },
  { to: '/limits', word: 'Limits', icon: 'gauge' },
  { to: '/workers', word: 'Workers', icon: 'worker' },
  { to: '/audit', word: 'Audit', icon: 'audit' },
  { to: '/tokens', word: 'Tokens', icon: 'key' },
] as const satisfies { to: string; word: string; icon: IconName }[]

/** The inbox's own query, so that its number costs no request of its own. */
function useAsked() {
  const { data, error } = useInfiniteQuery(waits())
  const number = data?.pages.reduce((sum, page) => sum + page.items.length, 0) ?? 0
  const more = data?.pages.at(-1)?.next != null
  return { asked: number === 0 ? '' : more ? `${number}+` : String(number), error }
}

export function Shell() {
  const { asked, error } = useAsked()
  const [open, setOpen] = useState(false)
  const path = useRouterState({ select: state => state.location.pathname })
  // biome-ignore lint/correctness/useExhaustiveDependencies: the menu closes when one has gone somewhere
  useEffect(() => setOpen(false), [path])
  if (error instanceof Refused && error.status === 401) return <TokenAsked />
  return (
    <div className="flex min-h-dvh flex-col md:flex-row">
      <a
        href="#content"
        className="sheet sr-only p-2 focus:not-sr-only focus:fixed focus:top-2 focus:left-2 focus:z-50"
      >
        Skip to the content
      </a>
      <header className="sticky top-0 z-20 flex items-center gap-2 border-line border-b bg-page px-4 py-2 md:hidden">
        <Mark />
        <Button
          kind="bare"
          icon="menu"
          aria-label="Menu"
          aria-expanded={open}
          aria-controls="places"
          className="ml-auto"
          onClick={() => setOpen(!open)}
        />
      </header>
      <nav
        id="places"
        aria-label="Screens"
        className={`${open ? 'flex' : 'hidden'} flex-col gap-0.5 border-line border-b p-3 md:sticky md:top-0 md:flex md:h-dvh md:w-52 md:shrink-0 md:border-r md:border-b-0`}
      >
        <div className="mb-3 hidden px-2 pt-1 md:block">
          <Mark />
        </div>
        {PLACES.map(place => (
          <Link
            key={place.to}
            to={place.to}
            activeOptions={{ exact: false, includeSearch: false }}
            className="flex items-center gap-2.5 rounded-md px-2 py-1.5 font-medium text-soft text-sm hover:bg-sunk hover:text-ink aria-[current=page]:bg-sunk aria-[current=page]:text-ink"
          >
            <Icon name={place.icon} />
            {place.word}
            {place.to === '/inbox' && asked !== '' && (
              <span className="num ml-auto rounded-full bg-waiting-fill px-2 text-waiting text-xs">
                {asked}
                <span className="sr-only"> open questions</span>
              </span>
            )}
          </Link>
        ))}
        <div className="mt-auto flex flex-col gap-1 pt-4">
          <Palette />
          <div className="flex items-center justify-between gap-2">
            <Connected />
            <ThemeSwitch />
          </div>
        </div>
      </nav>
      <div className="flex min-w-0 flex-1 flex-col">
        <Lost />
        <Said />
        <main id="content" className="min-w-0 flex-1">
          <Outlet />
        </main>
      </div>
    </div>
  )
}

function Mark() {
  return (
    <Link to="/executions" className="flex items-center gap-2 font-semibold text-base">
      <svg aria-hidden="true" viewBox="0 0 32 32" className="size-6">
        <rect width="32" height="32" rx="8" className="fill-strong" />
        <path
          d="M10 7v18M10 16h4M22 8l-8 8 8 8"
          className="stroke-on-strong"
          fill="none"
          strokeWidth="3"
          strokeLinecap="round"
          strokeLinejoin="round"
        />
      </svg>
      Kitaru
    </Link>
  )
}

function Connected() {
  const link = useLink()
  const words = { live: 'Live', connecting: 'Connecting', lost: 'Not connected', refused: 'Not live' }
  const dot = { live: 'bg-completed', connecting: 'bg-sleeping', lost: 'bg-failed', refused: 'bg-interrupted' }
  return (
    <span className="flex items-center gap-2 px-2 text-soft text-xs" data-link={link}>
      <span className={`size-2 rounded-full ${dot[link]}`} />
      {words[link]}
    </span>
  )
}

/** Says that what is shown may be old. Its place is kept free by nobody: it lies over the page's upper edge. */
function Lost() {
  const link = useLink()
  return (
    <div role="status" className="sticky top-0 z-30">
      {link === 'lost' && (
        <p className="absolute inset-x-0 top-2 mx-auto w-fit rounded-full bg-interrupted-fill px-4 py-1.5 text-interrupted text-sm shadow">
          The connection to the server is lost. What you see may be old; it catches up by itself.
        </p>
      )}
    </div>
  )
}

function ThemeSwitch() {
  const [chosen, choose] = useState(theme())
  const next = { system: 'light', light: 'dark', dark: 'system' } as const
  return (
    <Button
      kind="bare"
      icon={chosen === 'dark' ? 'moon' : 'sun'}
      aria-label={`Theme: ${chosen}. Change it to ${next[chosen]}`}
      title={`Theme: ${chosen}`}
      onClick={() => {
        setTheme(next[chosen])
        choose(next[chosen])
      }}
    />
  )
}
