// What an empty store shows: the lines that make the first execution appear.
import { Command } from '../../ui/Copy'

const PROGRAM = `from kitaru import checkpoint, flow

@checkpoint
def greet(name: str) -> str: return f"Hello, {name}."

@flow
def hello(name: str = "world") -> str: return greet(name)`

export function FirstUse() {
  return (
    <section className="sheet mx-auto flex w-full max-w-2xl flex-col gap-3 p-6">
      <h2 className="font-semibold text-lg">Nothing has run yet</h2>
      <p>
        Put this into <code className="font-mono text-sm">hello.py</code>, run it, and it appears here by itself.
      </p>
      <pre tabIndex={0} className="overflow-x-auto rounded-md bg-sunk p-3 font-mono text-xs leading-5">
        {PROGRAM}
      </pre>
      <Command text="kitaru run hello.py:hello --input name=you" />
    </section>
  )
}
