import type { Connection } from '../connection.ts'

/** What adapters need of a context. */
export interface Dialler {
  connect(
    service: string,
    options?: { readonly endsTogether?: boolean; readonly isLazy?: boolean },
  ): Connection
}

/** The service that the host of a URL names: `web`, `web.ztm`, `[…]` is none of ours and fails at the dial. */
export function serviceOfHost(host: string): string {
  const name = host.replace(/\.ztm$/i, '')
  try {
    return decodeURIComponent(name)
  } catch {
    return name
  }
}
