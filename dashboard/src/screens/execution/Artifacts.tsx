// The named values of an execution, each shown when it is opened.
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { api, body, credentials, refusal } from '../../api/client'
import type { Artifact } from '../../api/schema'
import { Button } from '../../ui/Button'
import { Loading, Trouble } from '../../ui/Notice'
import { Value } from '../../ui/Value'

/** What is larger is downloaded and not shown, in bytes. */
const MOST = 5_000_000

export function Artifacts({ id, items }: { id: string; items: Artifact[] }) {
  return (
    <ul className="flex flex-col gap-1">
      {items.map(item => (
        <One key={item.name} id={id} item={item} />
      ))}
    </ul>
  )
}

function One({ id, item }: { id: string; item: Artifact }) {
  const [open, setOpen] = useState(false)
  const [error, setError] = useState<unknown>(null)
  const download = async () => {
    // A link could not say who asks.
    const name = encodeURIComponent(item.name)
    const answer = await fetch(`/api/v1/executions/${id}/downloads/${name}`, { headers: credentials() })
    if (!answer.ok) throw refusal(answer.status, await answer.json().catch(() => null))
    const link = document.createElement('a')
    link.href = URL.createObjectURL(await answer.blob())
    link.download = item.name.replaceAll('/', '_')
    link.click()
    URL.revokeObjectURL(link.href)
  }
  return (
    <li className="relative">
      <details onToggle={event => setOpen(event.currentTarget.open)}>
        <summary className="flex items-center gap-2 rounded-md py-0.5 pr-8 hover:bg-sunk">
          <span className="wrap-anywhere font-mono text-xs">{item.name}</span>
          <span className="num ml-auto whitespace-nowrap text-soft text-xs">{item.bytes} bytes</span>
        </summary>
        {open &&
          (item.bytes > MOST ? (
            <p className="text-soft">Too large to be shown here.</p>
          ) : (
            <Content id={id} name={item.name} />
          ))}
      </details>
      <Button
        kind="bare"
        icon="download"
        aria-label={`Download ${item.name}`}
        className="!p-1 absolute top-0 right-0"
        onClick={() => {
          setError(null)
          download().catch(setError)
        }}
      />
      {error !== null && <Trouble error={error} />}
    </li>
  )
}

function Content({ id, name }: { id: string; name: string }) {
  const { data, error } = useQuery({
    queryKey: ['execution', id, 'artifact', name],
    queryFn: ({ signal }) =>
      body(api.GET('/api/v1/executions/{id}/artifacts/{name}', { params: { path: { id, name } }, signal })),
  })
  if (error) return <Trouble error={error} />
  if (data === undefined) return <Loading what={name} />
  return <Value name={name} value={data} />
}
