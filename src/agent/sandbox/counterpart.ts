import { createHash } from 'node:crypto'
import type { AppRef } from '../../core/app/manifest.ts'
import { parseServiceName, type ServiceName, type UserName } from '../../core/model/names.ts'

/**
 * The hidden service by which an app at one endpoint reaches itself at another of that user: `tcp/.app.` and 40 hex
 * digits, as names of providers, apps and users together are longer than a name may be.
 *
 * @see docs/protocol.md, "Channel of a sandboxed process"
 */
export function counterpartOf({ provider, name }: AppRef, user: UserName): ServiceName {
  const digest = createHash('sha256').update(`${provider}/${name}/${user}`).digest('hex')
  return parseServiceName(`tcp/.app.${digest.slice(0, 40)}`)
}
