// Has a tag name a version: a new one, or one that names another version now, which is said first.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useId, useState } from 'react'
import { api, body } from '../../api/client'
import type { Of } from '../../model/deployed'
import { Button } from '../../ui/Button'
import { Dialog } from '../../ui/Dialog'
import { Trouble } from '../../ui/Notice'

export function MoveTag({ of, version, close }: { of: Of; version: string; close: () => void }) {
  const client = useQueryClient()
  const [tag, setTag] = useState('')
  const [known, told] = [useId(), useId()]
  const before = of.tags.find(one => one.tag === tag.trim())?.version
  const move = useMutation({
    mutationFn: () =>
      body(
        api.POST('/api/v1/deployments/{flow}/tags/{tag}', {
          params: { path: { flow: of.flow, tag: tag.trim() } },
          body: { version },
        }),
      ),
    onSuccess: close,
    onSettled: () => client.invalidateQueries({ queryKey: ['deployments'] }),
  })
  return (
    <Dialog title={`A tag for ${of.flow}@${version}`} onClose={close}>
      <form
        className="flex flex-col gap-3"
        onSubmit={event => {
          event.preventDefault()
          move.mutate()
        }}
      >
        <label className="flex flex-col gap-1">
          Tag
          <input
            className="field"
            list={known}
            placeholder="prod"
            value={tag}
            required
            autoComplete="off"
            aria-describedby={told}
            onChange={event => setTag(event.target.value)}
          />
          <datalist id={known}>
            {of.tags.map(one => (
              <option key={one.tag} value={one.tag}>
                {one.version}
              </option>
            ))}
          </datalist>
        </label>
        <p id={told} role="status" className="wrap-anywhere">
          {before === undefined
            ? 'What starts by that name from now on runs this version.'
            : before === version
              ? `${tag.trim()} names ${version} already.`
              : `${tag.trim()} names ${before} now. What starts by that name from now on runs ${version}; what runs stays on the version that it began with.`}
        </p>
        {move.isError && <Trouble error={move.error} />}
        <div className="flex justify-end gap-2">
          <Button onClick={close}>Back</Button>
          <Button kind="strong" type="submit" busy={move.isPending} disabled={before === version}>
            {before === undefined || before === version ? 'Tag it' : 'Move the tag'}
          </Button>
        </div>
      </form>
    </Dialog>
  )
}
