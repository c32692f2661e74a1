// What came of an act, where it can be seen.
import { saidNothing, useSaid } from '../api/said'
import { Button } from './Button'
import { Command } from './Copy'

export function Said() {
  const shown = useSaid()
  return (
    <div role="status" className="fixed right-4 bottom-4 z-30 max-w-[calc(100vw-2rem)]">
      {shown && (
        <div className="sheet flex flex-col gap-2 p-3 shadow-lg">
          <div className="flex items-center gap-3">
            <p className="wrap-anywhere">{shown.text}</p>
            <Button
              kind="bare"
              icon="cross"
              aria-label="Close"
              className="!p-1 ml-auto"
              onClick={() => saidNothing()}
            />
          </div>
          {shown.command && <Command text={shown.command} />}
        </div>
      )}
    </div>
  )
}
