import type { Context } from './context.ts'
import { type ContextOptions, readContextOptions } from './context-options.ts'
import { ContextRun } from './context-run.ts'
import { openEdge } from './open-edge.ts'

/**
 * Make a context. Options that are left out come from the environment; see docs/sdk.md.
 *
 * @throws ZtmError `invalid-config` that names the field, `auth-failed` where there are no credentials
 */
export function createContext(options: ContextOptions = {}): Context {
  const config = readContextOptions(options)
  return new ContextRun(config, events => openEdge(config, events))
}
