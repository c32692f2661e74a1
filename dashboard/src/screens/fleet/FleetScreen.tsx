export function FleetScreen() {
  return null
}
