/** Bytes of a content: from `start` up to, not with, `end`. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

/**
 * Read a `Range` header. What is not one range of bytes is to be answered with all: several ranges, another unit, no form at all.
 *
 * @param header  as it was sent; absent or empty for none
 * @param size    bytes there are, 0 or more
 * @returns the range; `all` if there is none to be kept to; `unsatisfiable` if it begins behind the end (status 416)
 * @see RFC 9110, sections 14.1.2 and 14.2
 */
export function parseByteRange(
  header: string | undefined,
  size: number,
): ByteRange | 'all' | 'unsatisfiable' {
  const match = /^bytes=[ \t]*(\d{0,15})-(\d{0,15})[ \t]*$/i.exec(header ?? '')
  const [, first = '', last = ''] = match ?? []
  if (match === null || (first === '' && last === '')) return 'all'
  if (first === '') {
    // The last so many bytes; of an empty content there are none.
    const start = Math.max(0, size - Number(last))
    return start < size ? { start, end: size } : 'unsatisfiable'
  }
  const start = Number(first)
  if (last !== '' && Number(last) < start) return 'all'
  if (start >= size) return 'unsatisfiable'
  return { start, end: last === '' ? size : Math.min(size, Number(last) + 1) }
}

/**
 * Whether a range is to be kept to, by the `If-Range` of its request: only if what it begins to have is still the same. A date never is,
 * as it says less than the version.
 *
 * @param etag  of what there is now, with its quotes
 * @see RFC 9110, section 13.1.5
 */
export function fitsIfRange(header: string | undefined, etag: string): boolean {
  return header === undefined || header === etag
}

/** Whether `If-None-Match` names what there is, so that it need not be sent. @see RFC 9110, section 13.1.2 */
export function fitsIfNoneMatch(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false
  return header.split(',').some(one => ['*', etag, `W/${etag}`].includes(one.trim()))
}

/**
 * A `Content-Disposition` that has a file saved under a name, whatever is in it.
 *
 * @see RFC 6266, section 4; RFC 8187, section 3.2
 */
export function formatAttachment(name: string): string {
  const shown = name.isWellFormed() ? name : name.toWellFormed()
  const plain = shown.replace(/[^\w .()+,@=-]/g, '_')
  const whole = encodeURIComponent(shown).replace(
    /['()*]/g,
    one => `%${one.charCodeAt(0).toString(16).toUpperCase()}`,
  )
  return `attachment; filename="${plain}"; filename*=UTF-8''${whole}`
}
