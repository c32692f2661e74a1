// Whole numbers that JavaScript cannot hold: they are shown with all their digits, and never rounded. Pure.

/** A text, or a number with all that belongs to it. */
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g
/** A whole number of more digits than may be exact. */
const LONG = /^-?\d{16,}$/

/** JSON with each number that would be rounded replaced by an object that holds its digits. */
export function exact(json: string): string {
  if (!/\d{16}/.test(json)) return json
  return json.replace(TOKEN, token => {
    if (!LONG.test(token) || Number.isSafeInteger(Number(token))) return token
    return `{"$kitaru":"int","v":"${token}"}`
  })
}
