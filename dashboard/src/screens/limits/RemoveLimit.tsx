// Asks whether to forget what was set: what was held back then begins at once, and may cost money.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { api, body } from '../../api/client'
import type { Limit } from '../../api/schema'
import { Button } from '../../ui/Button'
import { Dialog } from '../../ui/Dialog'
import { Trouble } from '../../ui/Notice'

export function RemoveLimit({ limit, close }: { limit: Limit; close: () => void }) {
  const client = useQueryClient()
  const remove = useMutation({
    mutationFn: () => body(api.DELETE('/api/v1/limits/{name}', { params: { path: { name: limit.name } } })),
    onSuccess: close,
    onSettled: () => client.invalidateQueries({ queryKey: ['limits'] }),
  })
  return (
    <Dialog title={`Remove ${limit.name}?`} onClose={close}>
      <p>
        Calls that name it are held back no more
        {limit.waiting > 0 && `: ${limit.waiting === 1 ? 'one that waits begins' : `${limit.waiting} that wait begin`}`}
        . That may cost money, or meet a provider's refusals.
      </p>
      {remove.isError && <Trouble error={remove.error} />}
      <div className="mt-4 flex justify-end gap-2">
        <Button onClick={close}>Back</Button>
        <Button kind="danger" busy={remove.isPending} onClick={() => remove.mutate()}>
          Remove it
        </Button>
      </div>
    </Dialog>
  )
}
