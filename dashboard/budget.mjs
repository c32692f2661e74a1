// What a browser loads before it shows a screen: the entry, the screen and all that they import, compressed. The
// largest of these is held against the budget. Not here: what is loaded when it is looked at (charts, Markdown).
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'

const BUDGET = 250 * 1024
const dist = process.argv[2] ?? 'dist'
const assets = join(dist, 'assets')
const read = name => readFileSync(join(assets, name), 'utf8')

/** A file and all that it imports before it runs. */
const closure = (name, found = new Set()) => {
  if (found.has(name)) return found
  found.add(name)
  const statics = read(name).matchAll(
    /(?:^|[;}\s])(?:import|export)\s*(?:[^'"();]*?\bfrom\s*)?["']\.\/([^"']+\.js)["']/g,
  )
  for (const [, other] of statics) closure(other, found)
  return found
}

const size = names => [...names].reduce((sum, name) => sum + gzipSync(read(name), { level: 9 }).length, 0)

const page = readFileSync(join(dist, 'index.html'), 'utf8')
const entries = [...page.matchAll(/(?:src|href)="\/assets\/([^"]+\.js)"/g)].map(([, name]) => name)
if (entries.length === 0) throw new Error(`${dist}/index.html loads no script`)
const screens = readdirSync(assets).filter(name => /Screen-[^/]*\.js$/.test(name))
const sizes = screens.map(screen => {
  const all = new Set()
  for (const name of [...entries, screen]) closure(name, all)
  return { screen, files: all.size, bytes: size(all) }
})
const worst = sizes.toSorted((one, other) => other.bytes - one.bytes)[0]
const told = `${(worst.bytes / 1024).toFixed(0)} KB of JavaScript, compressed, for ${worst.screen} at first load`
if (worst.bytes > BUDGET) {
  console.error(`dashboard: ${told}: more than ${BUDGET / 1024} KB`)
  process.exit(1)
}
if (process.argv.includes('--tell')) console.log(told)
