export function WorkersScreen() {
  return null
}
