// Breakpoints that are set, each with a way to remove it.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { api, body } from '../../api/client'
import type { Breakpoint } from '../../api/schema'
import { Ago } from '../../ui/Ago'
import { Button } from '../../ui/Button'
import { Icon } from '../../ui/Icon'
import { Trouble } from '../../ui/Notice'

interface Props {
  items: Breakpoint[]
  /** Whether the flow of each is said. */
  named?: boolean
}

export function BreakpointList({ items, named = false }: Props) {
  const client = useQueryClient()
  const remove = useMutation({
    mutationFn: (id: number) => body(api.DELETE('/api/v1/breakpoints/{id}', { params: { path: { id: String(id) } } })),
    onSettled: () => client.invalidateQueries({ queryKey: ['breakpoints'] }),
  })
  return (
    <>
      {remove.isError && <Trouble error={remove.error} />}
      <ul>
        {items.map(item => (
          <li key={item.id} className="flex items-center gap-3 border-line border-t px-4 py-3 first:border-t-0">
            <Icon name="pausePoint" className="size-4 text-paused" />
            <div className="min-w-0 flex-1">
              <p className="wrap-anywhere">
                {named && (
                  <>
                    <Link
                      to="/flows/$flow"
                      params={{ flow: item.flow }}
                      className="font-medium text-link hover:underline"
                    >
                      {item.flow}
                    </Link>{' '}
                  </>
                )}
                before <code className="font-mono text-xs">{item.before}</code>
                {item.when !== null && (
                  <>
                    {' '}
                    when <code className="font-mono text-xs">{item.when}</code>
                  </>
                )}
              </p>
              <p className="num text-soft text-xs">
                {item.every ? 'stays' : 'until it is met'} · met {item.hits === 1 ? 'once' : `${item.hits} times`} · set
                by {item.by} <Ago at={item.at} />
              </p>
            </div>
            <Button
              kind="bare"
              icon="cross"
              busy={remove.isPending && remove.variables === item.id}
              aria-label={`Remove the breakpoint of ${item.flow} before ${item.before}`}
              onClick={() => remove.mutate(item.id)}
            >
              <span className="hidden sm:inline">Remove</span>
            </Button>
          </li>
        ))}
      </ul>
    </>
  )
}
