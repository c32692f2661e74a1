// Sets a breakpoint before a call: the next run of the flow pauses there.
import { useState } from 'react'
import type { CallWithValues } from '../../api/schema'
import { Button } from '../../ui/Button'
import { SetBreakpoint } from '../breakpoints/SetBreakpoint'

export function BreakHere({ flow, call }: { flow: string; call: CallWithValues }) {
  const [open, setOpen] = useState(false)
  return (
    <>
      <Button icon="pausePoint" onClick={() => setOpen(true)}>
        Break before
      </Button>
      {open && <SetBreakpoint flow={flow} call={call} close={() => setOpen(false)} />}
    </>
  )
}
