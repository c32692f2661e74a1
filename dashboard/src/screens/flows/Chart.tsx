// One chart over days, drawn on a canvas. Its colours are those of the page, also after the theme has changed. Loaded
// when a flow is looked at; what it shows stands in a table too.
import { useEffect, useRef, useState } from 'react'
import uPlot from 'uplot'
import type { Day } from '../../model/trends'

const HEIGHT = 150

interface Line {
  name: string
  of: (day: Day) => number | null
  /** Name of a state's colour. */
  colour: string
}

interface Props {
  title: string
  days: Day[]
  kind: 'bars' | 'lines'
  lines: Line[]
  show: (value: number) => string
}

export default function Chart({ title, days, kind, lines, show }: Props) {
  const place = useRef<HTMLDivElement>(null)
  const [at, setAt] = useState<number | null>(null)
  // Drawn anew for other days; what draws is the same for as long as the chart is there.
  const given = useRef({ lines, show })
  given.current = { lines, show }
  useEffect(() => {
    const box = place.current
    if (box === null) return
    let chart = draw(box, days, kind, given.current, setAt)
    const again = () => {
      chart.destroy()
      chart = draw(box, days, kind, given.current, setAt)
    }
    const sized = new ResizeObserver(() => chart.setSize({ width: box.clientWidth, height: HEIGHT }))
    sized.observe(box)
    const themed = new MutationObserver(again)
    themed.observe(document.documentElement, { attributeFilter: ['data-theme'] })
    const system = matchMedia('(prefers-color-scheme: dark)')
    system.addEventListener('change', again)
    return () => {
      sized.disconnect()
      themed.disconnect()
      system.removeEventListener('change', again)
      chart.destroy()
    }
  }, [days, kind])
  const day = at === null ? undefined : days[at]
  return (
    <figure className="min-w-0">
      <figcaption className="num mb-1 flex h-5 items-center gap-3 text-xs">
        <span className="font-medium">{title}</span>
        {lines.map(line => {
          const value = day && line.of(day)
          return (
            <span key={line.name} className="flex items-center gap-1 text-soft">
              <span className={`size-2 rounded-full ${DOTS[line.colour]}`} />
              {line.name}
              {value != null && <span className="text-ink">{show(value)}</span>}
            </span>
          )
        })}
        <span className="ml-auto text-soft">{day?.day.slice(5)}</span>
      </figcaption>
      <div ref={place} aria-hidden="true" style={{ height: HEIGHT }} />
    </figure>
  )
}

/** Whole words, so that they are found when the styles are made. */
const DOTS: Record<string, string> = { sleeping: 'bg-sleeping', failed: 'bg-failed', running: 'bg-running' }

/** A colour of the page as a canvas takes it. */
function colour(box: HTMLElement, name: string): string {
  const probe = document.createElement('span')
  probe.style.color = `var(--color-${name})`
  box.append(probe)
  const found = getComputedStyle(probe).color
  probe.remove()
  return found
}

function draw(
  box: HTMLElement,
  days: Day[],
  kind: 'bars' | 'lines',
  { lines, show }: Pick<Props, 'lines' | 'show'>,
  look: (at: number | null) => void,
): uPlot {
  const axis = {
    stroke: colour(box, 'soft'),
    font: '11px system-ui, sans-serif',
    grid: { stroke: colour(box, 'line'), width: 1 },
    ticks: { show: false },
  }
  const width = Math.max(2, Math.min(24, (box.clientWidth - 60) / days.length - 2))
  const bars = uPlot.paths.bars?.({ size: [0.8, width, 1] })
  const series = lines.map(({ name, colour: word }) => {
    const ink = colour(box, word)
    return {
      label: name,
      stroke: ink,
      width: kind === 'bars' ? 0 : 2,
      points: { show: kind === 'lines', size: 4, fill: ink },
      ...(kind === 'bars' && bars ? { fill: ink, paths: bars } : { spanGaps: true }),
    }
  })
  return new uPlot(
    {
      width: box.clientWidth,
      height: HEIGHT,
      legend: { show: false },
      cursor: { drag: { x: false, y: false }, y: false },
      // Days are days in UTC, wherever the reader is.
      tzDate: at => uPlot.tzDate(new Date(at * 1000), 'UTC'),
      scales: {
        x: { range: (_, from, to) => [from - 43_200, to + 43_200] },
        y: { range: (_, __, most) => [0, most > 0 ? most * 1.1 : 1] },
      },
      axes: [
        { ...axis, grid: { show: false }, space: 60, values: '{D} {MMM}', size: 24 },
        {
          ...axis,
          size: 56,
          space: 34,
          values: (_, values) => values.map(value => (value === null ? '' : show(value))),
        },
      ],
      series: [{}, ...series],
      hooks: { setCursor: [chart => look(chart.cursor.idx ?? null)] },
    },
    [days.map(day => day.at), ...lines.map(line => days.map(line.of))],
    box,
  )
}
