/**
 * Take a cookie out of the `cookie` headers of a request.
 *
 * @param headers  names and values in turn; names in any case
 * @returns its values, as they were sent (there may be several of one name), and the headers without them
 * @see RFC 6265, section 5.4
 */
export function takeCookie(
  headers: readonly string[],
  name: string,
): { readonly values: readonly string[]; readonly headers: readonly string[] } {
  const values: string[] = []
  let kept: string[] | undefined
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const value = headers[i + 1] ?? ''
    if (headers[i]?.toLowerCase() !== 'cookie' || !value.includes(name)) {
      kept?.push(headers[i] ?? '', value)
      continue
    }
    const pairs = value.split(';').map(pair => pair.trim())
    const others = pairs.filter(pair => {
      const isIt = pair.startsWith(`${name}=`)
      if (isIt) values.push(pair.slice(name.length + 1))
      return !isIt
    })
    if (others.length === pairs.length) {
      kept?.push(headers[i] ?? '', value)
      continue
    }
    kept ??= headers.slice(0, i)
    if (others.length > 0) kept.push(headers[i] ?? '', others.join('; '))
  }
  return { values, headers: kept ?? headers }
}
