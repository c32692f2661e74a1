// Light, dark, or as the system has it.
export type Theme = 'system' | 'light' | 'dark'

const KEPT = 'kitaru.theme'

export function theme(): Theme {
  const kept = localStorage.getItem(KEPT)
  return kept === 'light' || kept === 'dark' ? kept : 'system'
}

export function setTheme(next: Theme) {
  if (next === 'system') {
    localStorage.removeItem(KEPT)
    delete document.documentElement.dataset.theme
  } else {
    localStorage.setItem(KEPT, next)
    document.documentElement.dataset.theme = next
  }
}
