import { createHash } from 'node:crypto'
import type { AppRef } from '../../core/app/manifest.ts'
import { appServiceOf } from '../../core/model/app-service.ts'
import type { ServiceName, UserName } from '../../core/model/names.ts'

/**
 * The hidden service by which an app at one endpoint reaches itself at another of that user.
 *
 * @see docs/protocol.md, "Hidden services"
 */
export function counterpartOf({ provider, name }: AppRef, user: UserName): ServiceName {
  return appServiceOf('app', `${provider}/${name}`, user, text =>
    createHash('sha256').update(text).digest('hex'),
  )
}
