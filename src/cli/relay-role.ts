import type { Cli } from './context.ts'
import type { HubWords } from './daemon-options.ts'
import { readPermitText } from './read-input.ts'
import type { RelayRoleOptions } from './run-options.ts'

/** What `--permit` of a hub is for. */
export const PERMIT_HELP =
  'write the root permit to this file (mode 0600) once the hub is up; with --role relay: the permit that lets it in'

/**
 * What a hub that only relays was told.
 *
 * @param permit  a file, or `-`
 */
export function relayRole(
  cli: Cli,
  { controller }: Pick<HubWords, 'controller'>,
  permit: string | undefined,
): RelayRoleOptions {
  return {
    controllers: controller ?? [],
    ...(permit !== undefined && { readPermit: () => readPermitText(cli, permit) }),
  }
}
