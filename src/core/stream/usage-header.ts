/** In the answer to a CONNECT with a ticket whose streams are metered: the stream's id, made by the host. */
export const USAGE_HEADER = 'ztm-usage'

/** The id of a metered stream as the host gave it: 16 random bytes in hex; undefined if it gave none. */
export function parseUsageStream(value: unknown): string | undefined {
  return typeof value === 'string' && /^[0-9a-f]{32}$/.test(value) ? value : undefined
}
