// Whole numbers that JavaScript cannot hold: they are shown with all their digits, and never rounded. Pure.

/** A text, or a number of more digits than may be exact. */
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d{16,}(?![\d.eE])/g

/** JSON with each number that would be rounded replaced by an object that holds its digits. */
export function exact(json: string): string {
  if (!/\d{16}/.test(json)) return json
  return json.replace(TOKEN, token => {
    if (token.startsWith('"') || Number.isSafeInteger(Number(token))) return token
    return `{"$kitaru":"int","v":"${token}"}`
  })
}
