// Executions by day as small bars, the failed ones of each below. What they show stands in words beside them.
import type { Day } from '../../model/trends'

const HEIGHT = 32

export function Spark({ days }: { days: Day[] }) {
  const most = Math.max(1, ...days.map(day => day.executions))
  return (
    <svg
      aria-hidden="true"
      viewBox={`0 0 120 ${HEIGHT}`}
      preserveAspectRatio="none"
      className="h-8 w-20 shrink-0 sm:w-30"
    >
      {days.map((day, at) => {
        const width = 120 / days.length
        const tall = day.executions === 0 ? 0 : Math.max(2, (day.executions / most) * HEIGHT)
        const failed = day.executions === 0 ? 0 : (day.failed / day.executions) * tall
        return (
          <g key={day.day}>
            <rect x={at * width} y={HEIGHT - 1} width={width - 1} height={1} className="fill-line" />
            <rect
              x={at * width}
              y={HEIGHT - tall}
              width={width - 1}
              height={tall - failed}
              className="fill-sleeping opacity-60"
            />
            <rect x={at * width} y={HEIGHT - failed} width={width - 1} height={failed} className="fill-failed" />
          </g>
        )
      })}
    </svg>
  )
}
