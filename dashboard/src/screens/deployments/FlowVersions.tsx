// The versions of one flow, the newest first, each with the tags that name it.
import { Link } from '@tanstack/react-router'
import type { Deployment } from '../../api/schema'
import type { Of } from '../../model/deployed'
import { size } from '../../model/deployed'
import { Ago } from '../../ui/Ago'
import { Button } from '../../ui/Button'
import type { Asked } from './DeploymentsScreen'

export function FlowVersions({ of, ask }: { of: Of; ask: (asked: Asked) => void }) {
  return (
    <section aria-label={of.flow} className="sheet">
      <header className="flex flex-wrap items-baseline gap-x-4 gap-y-1 px-4 pt-3 pb-2">
        <h2 className="wrap-anywhere min-w-0 flex-1 font-semibold text-lg">{of.flow}</h2>
        <Link to="/executions" search={{ flow: of.flow }} className="text-link text-xs hover:underline">
          Executions<span className="sr-only"> of {of.flow}</span>
        </Link>
      </header>
      <ul>
        {of.versions.map((one, at) => (
          <Version key={one.version} of={of} one={one} isNewest={at === 0} ask={ask} />
        ))}
      </ul>
    </section>
  )
}

/** `source:3.11:55b196eb3601281c` as `55b196eb3601`: what it was taken over stands in its title. */
const digest = (code: string) => code.slice(code.lastIndexOf(':') + 1).slice(0, 12)

interface Props {
  of: Of
  one: Deployment
  isNewest: boolean
  ask: (asked: Asked) => void
}

function Version({ of, one, isNewest, ask }: Props) {
  const named = `${of.flow}@${one.version}`
  return (
    <li aria-label={named} className="flex flex-wrap items-start gap-x-6 gap-y-2 border-line border-t px-4 py-3">
      <div className="min-w-0 flex-1 basis-72">
        <div className="flex flex-wrap items-center gap-x-2 gap-y-1">
          <span className="wrap-anywhere font-medium">{one.version}</span>
          {isNewest && <span className="rounded-full bg-sunk px-2 py-0.5 text-soft text-xs">newest</span>}
          {one.tags.map(tag => (
            <span
              key={tag}
              className="inline-flex items-center rounded-full bg-running-fill pr-1 pl-2 text-running text-xs"
            >
              <span className="wrap-anywhere py-0.5">{tag}</span>
              <button
                type="button"
                aria-label={`Roll ${of.flow}@${tag} back`}
                title="Roll back"
                className="ml-1 min-h-6 rounded-full px-1.5 font-medium hover:underline"
                onClick={() => ask({ what: 'back', of, tag, version: one.version })}
              >
                roll back
              </button>
            </span>
          ))}
        </div>
        <p className="num wrap-anywhere text-soft text-xs">
          deployed by <span>{one.by}</span> <Ago at={one.at} /> · Python {one.python} · {one.files}{' '}
          {one.files === 1 ? 'file' : 'files'}, {size(one.size)}
        </p>
        <p className="wrap-anywhere text-soft text-xs">
          from{' '}
          <code className="font-mono">
            {one.file ?? one.module}:{one.qualname}
          </code>
          , {one.lock === null ? 'with no file that pins packages' : 'packages pinned by '}
          {one.lock !== null && <code className="font-mono">{one.lock}</code>}, files{' '}
          <code className="font-mono" title={one.snapshot}>
            {one.snapshot.slice(0, 12)}
          </code>
          {one.code !== null && (
            <>
              , code{' '}
              <code className="font-mono" title={one.code}>
                {digest(one.code)}
              </code>
            </>
          )}
        </p>
      </div>
      <div className="flex flex-wrap gap-1.5">
        <Button aria-label={`Tag ${named}`} onClick={() => ask({ what: 'tag', of, version: one.version })}>
          Tag
        </Button>
        <Button icon="play" aria-label={`Start ${named}`} onClick={() => ask({ what: 'start', of, at: one.version })}>
          Start
        </Button>
      </div>
    </li>
  )
}
