// Asks whether a schedule is to go.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { api, body } from '../../api/client'
import type { Schedule } from '../../api/schema'
import { Button } from '../../ui/Button'
import { Dialog } from '../../ui/Dialog'
import { Trouble } from '../../ui/Notice'

export function RemoveSchedule({ of, close }: { of: Schedule; close: () => void }) {
  const client = useQueryClient()
  const remove = useMutation({
    mutationFn: () => body(api.DELETE('/api/v1/schedules/{name}', { params: { path: { name: of.name } } })),
    onSuccess: close,
    onSettled: () => client.invalidateQueries({ queryKey: ['overview', 'schedules'] }),
  })
  return (
    <Dialog title={`Remove ${of.name}?`} onClose={close}>
      <p>
        It ticks no more{of.waiting.length > 0 && ', and ticks that wait for their turn are dropped'}. Executions that
        it has started stay, and those that run go on.
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
