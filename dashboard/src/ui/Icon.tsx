// The icons, 16 px, drawn as strokes. Decoration: what they say stands in words beside them or in a label.

const PATHS = {
  inbox: 'M2 9l2-6h8l2 6v4H2zM2 9h3.5l1 1.5h3l1-1.5H14',
  list: 'M5 4h9M5 8h9M5 12h9M2 4h.01M2 8h.01M2 12h.01',
  flow: 'M3 3h4v4H3zM9 9h4v4H9zM7 5h4v4',
  tree: 'M8 2v4M4 14v-4h8v4M8 6v4M2.5 14h3M10.500 14h3M6.500 2h3',
  pausePoint: 'M8 2a6 6 0 100 12A6 6 0 008 2zM6.500 6v4M9.500 6v4',
  worker: 'M3 4h10v5H3zM1.500 12.500h13M6 9v3.500M10 9v3.500',
  gauge: 'M2.500 12.500a6 6 0 1111 0M8 9.500l3-3.500M8 9.500h.01',
  calendar: 'M2.500 3.500h11v10h-11zM2.500 6.500h11M5.500 2v2.500M10.500 2v2.500M5.500 9.500h2v2h-2z',
  box: 'M8 1.500l6 3v7l-6 3-6-3v-7zM2 4.500l6 3 6-3M8 7.500v7',
  key: 'M10.500 2a3.500 3.500 0 00-3.300 4.700L2 12v2h2.500v-2H6v-1.500h1.500L9 9a3.500 3.500 0 101.500-7zM11 5h.01',
  audit: 'M3 2h7l3 3v9H3zM5.500 7h5M5.500 9.500h5M5.500 12h3',
  search: 'M7 2.500a4.500 4.500 0 100 9 4.500 4.500 0 000-9zM10.500 10.500L14 14',
  check: 'M3 8.500l3.500 3.500L13 4.500',
  cross: 'M4 4l8 8M12 4l-8 8',
  clock: 'M8 2a6 6 0 100 12A6 6 0 008 2zM8 5v3.500l2.500 1.500',
  hand: 'M8 2a6 6 0 100 12A6 6 0 008 2zM6.400 6.300a1.700 1.700 0 113 1.100C8.700 8 8 8.300 8 9.200M8 11.300h.01',
  play: 'M5 3l8 5-8 5z',
  pause: 'M5.500 3v10M10.500 3v10',
  stop: 'M4 4h8v8H4z',
  bolt: 'M9 2L3.500 9H8l-1 5 5.500-7H8z',
  moon: 'M13 9.500A5.500 5.500 0 016.500 3 5.500 5.500 0 1013 9.500z',
  sun: 'M8 5a3 3 0 100 6 3 3 0 000-6zM8 1.500v1.500M8 13v1.500M1.500 8H3M13 8h1.500M3.400 3.400l1 1M11.600 11.600l1 1M3.400 12.600l1-1M11.600 4.400l1-1',
  copy: 'M5.500 5.500h8v8h-8zM3 10.500H2.500v-8h8V3',
  fork: 'M4 2v12M4 10c0-3 8-2 8-6M12 4V2M2.500 2h3M10.500 2h3M2.500 14h3',
  retry: 'M13 8a5 5 0 11-1.500-3.500L13 6M13 2.500V6H9.500',
  chevron: 'M6 4l4 4-4 4',
  more: 'M3.500 8h.01M8 8h.01M12.500 8h.01',
  compare: 'M6 3H2.500v10H6M10 3h3.500v10H10M8 1.500v13',
  link: 'M7 9l2-2M6 7L4.500 8.500a2.100 2.100 0 003 3L9 10M10 9l1.500-1.500a2.100 2.100 0 00-3-3L7 6',
  menu: 'M2 4h12M2 8h12M2 12h12',
  download: 'M8 2v8M4.500 7L8 10.500 11.500 7M3 13.500h10',
} as const

export type IconName = keyof typeof PATHS

export function Icon({ name, className = 'size-4' }: { name: IconName; className?: string }) {
  return (
    <svg
      aria-hidden="true"
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.5"
      strokeLinecap="round"
      strokeLinejoin="round"
      className={`shrink-0 ${className}`}
    >
      <path d={PATHS[name]} />
    </svg>
  )
}
