export function BreakpointsScreen() {
  return null
}
