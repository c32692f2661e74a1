// Identifiers as people see them. Pure.

/** The end of an identifier, by which every command finds the execution. */
export const short = (id: string) => id.replaceAll('-', '').slice(-8)

/** The name of a call without what it is nested in. */
export const leaf = (key: string) => key.slice(key.lastIndexOf('/') + 1)

/** How deep a call is nested. */
export const depth = (key: string) => key.split('/').length - 1
