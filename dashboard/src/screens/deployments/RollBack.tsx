// Asks whether a tag is to name again what it named before. Which version that is, the server knows.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { api, body } from '../../api/client'
import type { Deployment } from '../../api/schema'
import type { Of } from '../../model/deployed'
import { Button } from '../../ui/Button'
import { Dialog } from '../../ui/Dialog'
import { Trouble } from '../../ui/Notice'

export function RollBack({ of, tag, version, close }: { of: Of; tag: string; version: string; close: () => void }) {
  const client = useQueryClient()
  const [now, tell] = useState<Deployment | null>(null)
  const back = useMutation({
    mutationFn: () =>
      body(
        api.POST('/api/v1/deployments/{flow}/tags/{tag}/rollback', {
          params: { path: { flow: of.flow, tag } },
          body: {},
        }),
      ),
    onSuccess: tell,
    onSettled: () => client.invalidateQueries({ queryKey: ['deployments'] }),
  })
  if (now !== null) {
    return (
      <Dialog title={`${of.flow}@${tag} is rolled back`} onClose={close}>
        <p role="status" className="wrap-anywhere">
          {tag} names {now.version} now, in place of {version}.
        </p>
        <div className="mt-4 flex justify-end">
          <Button kind="strong" onClick={close}>
            Good
          </Button>
        </div>
      </Dialog>
    )
  }
  return (
    <Dialog title={`Roll ${of.flow}@${tag} back?`} onClose={close}>
      <p className="wrap-anywhere">
        {tag} names {version} now, and names again what it named before. What starts by that name from now on runs that;
        what runs stays on the version that it began with.
      </p>
      {back.isError && <Trouble error={back.error} />}
      <div className="mt-4 flex justify-end gap-2">
        <Button onClick={close}>Back</Button>
        <Button kind="danger" busy={back.isPending} onClick={() => back.mutate()}>
          Roll it back
        </Button>
      </div>
    </Dialog>
  )
}
